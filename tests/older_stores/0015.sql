BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984834985,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','4da7278cd9ee664381ac2e229785527f3a0de6a995a1d488c9eeafb5106ec3d8');
INSERT INTO "audit" VALUES(2,1795984835415,'root','token use','operator','127.0.0.1:43888 token operator','','4da7278cd9ee664381ac2e229785527f3a0de6a995a1d488c9eeafb5106ec3d8','096fc423849b1e9f0a13dc558bc259e0a46b2100c11fb0ff16aab98d498ec6f1');
INSERT INTO "audit" VALUES(3,1795984835418,'root','token create','789b1c6e4851b7c5','127.0.0.1:43888 token operator','for auth0|alice, roles [], sites []','096fc423849b1e9f0a13dc558bc259e0a46b2100c11fb0ff16aab98d498ec6f1','6650963f134521d7eb0c8097f3638b4d6328a85e69d4793affd29f7e1697dc85');
INSERT INTO "audit" VALUES(4,1795984835940,'root','token create','7a22059b80dabdec','127.0.0.1:43906 token operator','for auth0|kim, roles [''admin''], sites []','6650963f134521d7eb0c8097f3638b4d6328a85e69d4793affd29f7e1697dc85','5554565c996eb06f3a6f32a408eb24eb35e44b7981f8f2e597858863675ded7f');
INSERT INTO "audit" VALUES(5,1795984836212,'auth0|kim','token use','7a22059b80dabdec','127.0.0.1:44018 token 7a22059b80dabdec','','5554565c996eb06f3a6f32a408eb24eb35e44b7981f8f2e597858863675ded7f','34487092e73dfadc8663aaf2a6dade63e46c52d2bc3dafaeb0a89869591fc8d5');
INSERT INTO "audit" VALUES(6,1795984836214,'auth0|kim','newjob','01M8MGKHKPKJCP6HAFN9MACWRD','127.0.0.1:44018 token 7a22059b80dabdec','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','34487092e73dfadc8663aaf2a6dade63e46c52d2bc3dafaeb0a89869591fc8d5','8ba8231c3a8f25222f5505957a5e5cb66959c632abf3110497ffde5d65741e1a');
INSERT INTO "audit" VALUES(7,1795984836224,'auth0|kim','newjob','01M8MGKHM0P4AZ6HJTHND1JBDX','127.0.0.1:44036 token 7a22059b80dabdec','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','8ba8231c3a8f25222f5505957a5e5cb66959c632abf3110497ffde5d65741e1a','6e860bb25b5326a7b9a628e14214d77f8564b199843dd8f6d8348fdea1b143e3');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984836105,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984836122,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984836132,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984836141,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984836154,'127.0.0.1:43956','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984836154,'127.0.0.1:43956','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984836154,'127.0.0.1:43956','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984836154,'127.0.0.1:43956','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984836158,'127.0.0.1:43972','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984836165,'127.0.0.1:43986','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984836181,'127.0.0.1:43998','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984836195,'127.0.0.1:44014','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984836214,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984836221,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984836224,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984836224,'auth0|alice','withdrawn by the stop of Alice A., 20:40:36 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984836229,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','af42fa25537414adddb70c1ab953686f');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','648b07e1feb03fff6e767f96c9a784350c02cf2e9760082982610fb9fcf68afd');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984834985');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984836154,'127.0.0.1:43956',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGKHG9W6N06BKJ65BDATKV','saf',1795984836105,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984836165,1795986636105,NULL,'local',1,4260965123,NULL,1795984836154,1795984836158,1795984836165,'');
INSERT INTO "job" VALUES(2,'01M8MGKHGS9F49238D7KQEPH05','saf',1795984836121,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984836181,1795986636121,NULL,'local',1,2647574867,NULL,1795984836154,NULL,1795984836181,'');
INSERT INTO "job" VALUES(3,'01M8MGKHH46N6PK1V0Y7AQZ3WA','saf',1795984836132,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984836195,1795986636132,NULL,'local',1,1376679919,NULL,1795984836154,1795984836195,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGKHHD8MPS92XKZ3W1YQ5Y','saf',1795984836141,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984836154,1795986636141,NULL,'local',1,2268604908,NULL,1795984836154,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGKHKPKJCP6HAFN9MACWRD','wema',1795984836214,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984836214,NULL,NULL,'local',0,3389717467,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGKHKWMHXH5RY9KNB1K81M','wema',1795984836220,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984836224,1795986636220,NULL,'local',0,4085211183,NULL,NULL,NULL,1795984836224,'withdrawn by the stop of Alice A., 20:40:36 UTC');
INSERT INTO "job" VALUES(7,'01M8MGKHM0P4AZ6HJTHND1JBDX','wema',1795984836224,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984836224,NULL,NULL,'local',0,1969310246,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGKHM5T4SJFA798YN2A8Y8','saf',1795984836229,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984836229,1795986636229,NULL,'local',0,410288374,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE lockout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL,
    reason TEXT NOT NULL, since_ms BIGINT NOT NULL, until_ms BIGINT, ended_ms BIGINT,
    ended_by TEXT NOT NULL DEFAULT '');
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE notification (address TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL, raised_ms BIGINT NOT NULL, told_ms BIGINT, times INTEGER NOT NULL, PRIMARY KEY (address, subject));
CREATE TABLE observer_note (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, about TEXT NOT NULL,
        about_ms BIGINT NOT NULL, date TEXT NOT NULL, ulid TEXT NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL,
        time_ms BIGINT NOT NULL, author_id TEXT NOT NULL, author TEXT NOT NULL, struck_ms BIGINT, struck_by TEXT);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984836153,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:34.792804');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:34.796323');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:34.799490');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:34.807027');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:34.818108');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:34.821594');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:34.824318');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:34.828128');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:34.831007');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:40:34.833452');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:40:34.835887');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:40:34.843112');
INSERT INTO "schema_migration" VALUES(13,'0013_observer_notes','2026-11-29 20:40:34.848034');
INSERT INTO "schema_migration" VALUES(14,'0014_notify','2026-11-29 20:40:34.853623');
INSERT INTO "schema_migration" VALUES(15,'0015_lockouts','2026-11-29 20:40:34.857182');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('789b1c6e4851b7c5','auth0|alice','auth0|alice','[]','[]',1795984835415,2111344835415,'root',NULL);
INSERT INTO "token" VALUES('7a22059b80dabdec','auth0|kim','auth0|kim','["admin"]','[]',1795984835940,2111344835940,'root',NULL);
CREATE TABLE told (id INTEGER NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL, address TEXT NOT NULL, news TEXT NOT NULL, key TEXT NOT NULL, raised_ms BIGINT NOT NULL);
CREATE UNIQUE INDEX "schema_migration_name" ON "schema_migration" ("name");
CREATE UNIQUE INDEX job_site_ulid ON job (site, ulid);
CREATE INDEX job_unread ON job (site, seq) WHERE status = 'UNREAD';
CREATE INDEX job_alternate_unread ON job (site, seq) WHERE alternate_status = 'UNREAD';
CREATE INDEX job_idempotency ON job (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX change_job_seq ON change (job_seq);
CREATE INDEX change_handout_id ON change (handout_id) WHERE handout_id IS NOT NULL;
CREATE INDEX handout_open ON handout (id) WHERE state = 'OPEN';
CREATE INDEX handout_poll_id ON handout (site, queue, poll_id) WHERE poll_id IS NOT NULL;
CREATE INDEX reservation_site_end ON reservation (site, end_ms);
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'rows of the audit are never changed'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'rows of the audit are never removed'); END;
CREATE INDEX cloud_job_site ON cloud_job (site, ulid);
CREATE INDEX cloud_job_parked ON cloud_job (ulid) WHERE parked IS NOT NULL;
CREATE INDEX job_held ON job (site, ulid) WHERE status IN ('HELD', 'FORWARDING');
CREATE INDEX job_alternate_held ON job (site, ulid) WHERE alternate_status IN ('HELD', 'FORWARDING');
CREATE INDEX job_forwarding ON job (site, ulid) WHERE status = 'FORWARDING';
CREATE UNIQUE INDEX alarm_key_raised ON alarm (key, raised_ms);
CREATE INDEX alarm_cleared ON alarm (cleared_ms);
CREATE INDEX job_stop ON job (site, seq) WHERE command_class = 'stop';
CREATE INDEX make_safe_since ON make_safe (since_ms);
CREATE INDEX observer_note_site ON observer_note (site, about_ms);
CREATE INDEX observer_note_about ON observer_note (about_ms);
CREATE INDEX observer_note_job ON observer_note (ulid) WHERE ulid <> '';
CREATE INDEX told_time ON told (time_ms);
CREATE INDEX lockout_open ON lockout (site) WHERE ended_ms IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',17);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

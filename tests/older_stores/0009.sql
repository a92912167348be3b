BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980628835,'operator','token use','operator','127.0.0.1:58284 token operator','','0000000000000000000000000000000000000000000000000000000000000000','bac145ee823a308e9b03bb0540c4c3a0cd91c1bc2a1f838b2e28994c78ec4ad2');
INSERT INTO "audit" VALUES(2,1795980628836,'operator','token create','dfaec349cfe7e644','127.0.0.1:58284 token operator','for auth0|alice, roles [], sites []','bac145ee823a308e9b03bb0540c4c3a0cd91c1bc2a1f838b2e28994c78ec4ad2','308dd4a9aa99c837d55a113f8d14dd28beceee1f1dcd3c208401e4ba842cbe9c');
INSERT INTO "audit" VALUES(3,1795980629112,'operator','token create','645ff056075cc153','127.0.0.1:58292 token operator','for auth0|kim, roles [''admin''], sites []','308dd4a9aa99c837d55a113f8d14dd28beceee1f1dcd3c208401e4ba842cbe9c','e019733fb48a662581c4043239f725d5e465812e9d4b5f19c4ddc0611ac4142a');
INSERT INTO "audit" VALUES(4,1795980629176,'auth0|kim','token use','645ff056075cc153','127.0.0.1:58400 token 645ff056075cc153','','e019733fb48a662581c4043239f725d5e465812e9d4b5f19c4ddc0611ac4142a','6429ee0368d546e0e1a5536bd0e463de9e0d4ab764501d4bb90dbe53c8cfa4f7');
INSERT INTO "audit" VALUES(5,1795980629176,'auth0|kim','newjob','01M8MCK55RB52D1V9XK42A7QJ0','127.0.0.1:58400 token 645ff056075cc153','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','6429ee0368d546e0e1a5536bd0e463de9e0d4ab764501d4bb90dbe53c8cfa4f7','45d2083b0a80bbc3203a3f82f887c0fad11a8278816111de7b1c351d61e13a22');
INSERT INTO "audit" VALUES(6,1795980629180,'auth0|kim','newjob','01M8MCK55WXVMYQKZQN5J4JVYY','127.0.0.1:58408 token 645ff056075cc153','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','45d2083b0a80bbc3203a3f82f887c0fad11a8278816111de7b1c351d61e13a22','259e7b83430bb74a76764918d6cc07b3930e7d9c261fc3d0dd55704224be74e4');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980629156,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980629159,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980629162,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980629164,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980629166,'127.0.0.1:58338','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980629166,'127.0.0.1:58338','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980629166,'127.0.0.1:58338','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980629166,'127.0.0.1:58338','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980629168,'127.0.0.1:58352','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980629170,'127.0.0.1:58366','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980629172,'127.0.0.1:58376','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980629174,'127.0.0.1:58388','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980629176,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980629178,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795980629180,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795980629180,'auth0|alice','withdrawn by the stop of Alice A., 19:30:29 UTC',NULL);
INSERT INTO "change" VALUES(17,6,'wema','alternate','CANCELLED',NULL,1795980629180,'auth0|alice','withdrawn by the stop of Alice A., 19:30:29 UTC',NULL);
INSERT INTO "change" VALUES(18,8,'saf','both','UNREAD',NULL,1795980629182,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','789b3a7f674657b4c4cfc056b16c6004');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','ffebdea57c2c2e835d9ddb6bf98c834c5ad9a533974a19bad7f16b762c7abd95');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980629166,'127.0.0.1:58338',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MCK554RYDQ8YWWENBS5MP0','saf',1795980629156,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980629170,1795982429156,NULL,'local',1,3090532653,NULL,1795980629166,1795980629168,1795980629170,'');
INSERT INTO "job" VALUES(2,'01M8MCK557677P3VE3GZSQMGF8','saf',1795980629159,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980629172,1795982429159,NULL,'local',1,1088233669,NULL,1795980629166,NULL,1795980629172,'');
INSERT INTO "job" VALUES(3,'01M8MCK55AQBN1Y828CZCBHP3V','saf',1795980629162,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980629174,1795982429162,NULL,'local',1,202866976,NULL,1795980629166,1795980629174,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MCK55CD2KEH82Q93NK23EF','saf',1795980629164,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980629166,1795982429164,NULL,'local',1,2814308006,NULL,1795980629166,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MCK55RB52D1V9XK42A7QJ0','wema',1795980629176,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980629176,NULL,NULL,'local',0,1512117850,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MCK55T2CJWG3BFV2MFZ4NW','wema',1795980629178,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980629180,1795982429178,NULL,'local',0,491924109,NULL,NULL,NULL,1795980629180,'withdrawn by the stop of Alice A., 19:30:29 UTC');
INSERT INTO "job" VALUES(7,'01M8MCK55WXVMYQKZQN5J4JVYY','wema',1795980629180,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980629180,NULL,NULL,'local',0,2398897388,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MCK55YD6RXQ5C2Q1E7HNPX','saf',1795980629182,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980629182,1795982429182,NULL,'local',0,3076673326,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980629166,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:28.572368');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:28.573308');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:28.573974');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:28.574697');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 19:30:28.578356');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 19:30:28.581432');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 19:30:28.581982');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 19:30:28.582736');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 19:30:28.583292');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('dfaec349cfe7e644','auth0|alice','auth0|alice','[]','[]',1795980628835,1827516628835,'operator',NULL);
INSERT INTO "token" VALUES('645ff056075cc153','auth0|kim','auth0|kim','["admin"]','[]',1795980629112,1827516629112,'operator',NULL);
CREATE UNIQUE INDEX "schema_migration_name" ON "schema_migration" ("name");
CREATE UNIQUE INDEX job_site_ulid ON job (site, ulid);
CREATE INDEX job_unread ON job (site, seq) WHERE status = 'UNREAD';
CREATE INDEX job_alternate_unread ON job (site, seq) WHERE alternate_status = 'UNREAD';
CREATE INDEX job_expires ON job (expires_ms) WHERE expires_ms IS NOT NULL
    AND (status = 'UNREAD' OR alternate_status = 'UNREAD');
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',6);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',18);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

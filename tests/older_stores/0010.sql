BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980629712,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','fd2d91dac8bba69ed61bbb30636a7b925aa24372b7b6e33efc5207cce8fdbd81');
INSERT INTO "audit" VALUES(2,1795980629833,'root','token use','operator','127.0.0.1:38590 token operator','','fd2d91dac8bba69ed61bbb30636a7b925aa24372b7b6e33efc5207cce8fdbd81','b9523789364fedf55778fbc73956877046f1f2266d6e2fd5f4995f9c06da3c09');
INSERT INTO "audit" VALUES(3,1795980629833,'root','token create','88ab991ae17a076b','127.0.0.1:38590 token operator','for auth0|alice, roles [], sites []','b9523789364fedf55778fbc73956877046f1f2266d6e2fd5f4995f9c06da3c09','360ea1fbe231b96a1e797f120083c9e5e4c86b177c77be9f07c8872e589a49b2');
INSERT INTO "audit" VALUES(4,1795980629974,'root','token create','a476e93113f13007','127.0.0.1:38600 token operator','for auth0|kim, roles [''admin''], sites []','360ea1fbe231b96a1e797f120083c9e5e4c86b177c77be9f07c8872e589a49b2','0c97a20485fe67b817e1c11dd53b6c34b773c35a73b2a6d4926b308fcfca2afc');
INSERT INTO "audit" VALUES(5,1795980630020,'auth0|kim','token use','a476e93113f13007','127.0.0.1:38684 token a476e93113f13007','','0c97a20485fe67b817e1c11dd53b6c34b773c35a73b2a6d4926b308fcfca2afc','269c4498b7cc0a26b82e3e588f3a142da8e927a1ddc9b6ce9f8310249f373fc9');
INSERT INTO "audit" VALUES(6,1795980630021,'auth0|kim','newjob','01M8MCK605ZCBB14ET2NHZCVPC','127.0.0.1:38684 token a476e93113f13007','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','269c4498b7cc0a26b82e3e588f3a142da8e927a1ddc9b6ce9f8310249f373fc9','3b7155f679b53d08485586594fbaa93facdebc905afa02659cbc0e069bca5136');
INSERT INTO "audit" VALUES(7,1795980630025,'auth0|kim','newjob','01M8MCK609ADHJ4GRT7SXFXCAX','127.0.0.1:38692 token a476e93113f13007','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','3b7155f679b53d08485586594fbaa93facdebc905afa02659cbc0e069bca5136','10221605b10fccf1dbf267e68ba2f711e55763fae79e13e68678d7d885e68acf');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980630001,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980630004,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980630006,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980630008,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980630011,'127.0.0.1:38634','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980630011,'127.0.0.1:38634','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980630011,'127.0.0.1:38634','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980630011,'127.0.0.1:38634','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980630013,'127.0.0.1:38636','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980630015,'127.0.0.1:38650','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980630017,'127.0.0.1:38660','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980630019,'127.0.0.1:38674','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980630021,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980630023,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795980630025,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795980630025,'auth0|alice','withdrawn by the stop of Alice A., 19:30:30 UTC',NULL);
INSERT INTO "change" VALUES(17,6,'wema','alternate','CANCELLED',NULL,1795980630025,'auth0|alice','withdrawn by the stop of Alice A., 19:30:30 UTC',NULL);
INSERT INTO "change" VALUES(18,8,'saf','both','UNREAD',NULL,1795980630027,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','0d7c1b5d91cc1bcc52f095fa2a62a39a');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','727216c89273a76839548bc021e57edaf17e52424c78bed4484001e28618246d');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795980629712');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980630011,'127.0.0.1:38634',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MCK5ZHG712EYW2XDN1DE84','saf',1795980630001,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980630015,1795982430001,NULL,'local',1,1038608342,NULL,1795980630011,1795980630013,1795980630015,'');
INSERT INTO "job" VALUES(2,'01M8MCK5ZMVJ4VTSMKMHP2CZMG','saf',1795980630004,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980630017,1795982430004,NULL,'local',1,706273445,NULL,1795980630011,NULL,1795980630017,'');
INSERT INTO "job" VALUES(3,'01M8MCK5ZP4S1WP4P20MZY3PQN','saf',1795980630006,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980630019,1795982430006,NULL,'local',1,4141976182,NULL,1795980630011,1795980630019,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MCK5ZRBJFVR76352BV7X5M','saf',1795980630008,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980630011,1795982430008,NULL,'local',1,2781455102,NULL,1795980630011,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MCK605ZCBB14ET2NHZCVPC','wema',1795980630021,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980630021,NULL,NULL,'local',0,196368912,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MCK607W6VBNMKASGES6WNG','wema',1795980630023,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980630025,1795982430023,NULL,'local',0,2075773253,NULL,NULL,NULL,1795980630025,'withdrawn by the stop of Alice A., 19:30:30 UTC');
INSERT INTO "job" VALUES(7,'01M8MCK609ADHJ4GRT7SXFXCAX','wema',1795980630025,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980630025,NULL,NULL,'local',0,4040571924,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MCK60B7N7E5EHXCBXDTH5T','saf',1795980630027,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980630027,1795982430027,NULL,'local',0,3059851000,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980630011,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:29.688454');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:29.689389');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:29.690011');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:29.690733');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 19:30:29.692008');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 19:30:29.692627');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 19:30:29.693206');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 19:30:29.694014');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 19:30:29.694574');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 19:30:29.695095');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('88ab991ae17a076b','auth0|alice','auth0|alice','[]','[]',1795980629833,1827516629833,'root',NULL);
INSERT INTO "token" VALUES('a476e93113f13007','auth0|kim','auth0|kim','["admin"]','[]',1795980629974,1827516629974,'root',NULL);
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
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',18);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

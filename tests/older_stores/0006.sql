BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980627726,'operator','token use','operator','127.0.0.1:41420 token operator','','0000000000000000000000000000000000000000000000000000000000000000','c0555035efdfea4730c037b57d1d53b704dbdf5a2ee19b387df3ddaabe7c8aa3');
INSERT INTO "audit" VALUES(2,1795980627727,'operator','token create','0b6fa2f2b7d13a5d','127.0.0.1:41420 token operator','for auth0|alice, roles [], sites []','c0555035efdfea4730c037b57d1d53b704dbdf5a2ee19b387df3ddaabe7c8aa3','7031bf6b893a0aa2be15d6c28a92f7091db71a9255892a1a3d796db6350b0df9');
INSERT INTO "audit" VALUES(3,1795980627998,'operator','token create','a30a2df884a5e1ec','127.0.0.1:41432 token operator','for auth0|kim, roles [''admin''], sites []','7031bf6b893a0aa2be15d6c28a92f7091db71a9255892a1a3d796db6350b0df9','db939c192bc04855286dd7b8f491314e838a8d4ec289b81d642e6b4122668ec9');
INSERT INTO "audit" VALUES(4,1795980628066,'auth0|kim','token use','a30a2df884a5e1ec','127.0.0.1:41542 token a30a2df884a5e1ec','','db939c192bc04855286dd7b8f491314e838a8d4ec289b81d642e6b4122668ec9','1d74b64e48a86cbd9f41fe8a20296b34344095f11dd10309fc9b7c6722610254');
INSERT INTO "audit" VALUES(5,1795980628067,'auth0|kim','newjob','01M8MCK433FS2F660167B6YP0T','127.0.0.1:41542 token a30a2df884a5e1ec','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','1d74b64e48a86cbd9f41fe8a20296b34344095f11dd10309fc9b7c6722610254','1a4db1e9a9e6af050f87ca48b29512cfa787efd597cde6993c59b7b761733498');
INSERT INTO "audit" VALUES(6,1795980628071,'auth0|kim','newjob','01M8MCK437BGHR46N20CS1DFAT','127.0.0.1:41562 token a30a2df884a5e1ec','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','1a4db1e9a9e6af050f87ca48b29512cfa787efd597cde6993c59b7b761733498','38d8f7c11ef3d22fb13d9f0cf8ee01def792240be567f0973c15a51f1b54348e');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980628047,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980628050,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980628053,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980628055,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980628057,'127.0.0.1:41488','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980628057,'127.0.0.1:41488','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980628057,'127.0.0.1:41488','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980628057,'127.0.0.1:41488','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980628059,'127.0.0.1:41502','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980628061,'127.0.0.1:41508','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980628063,'127.0.0.1:41520','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980628065,'127.0.0.1:41532','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980628067,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980628069,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795980628071,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795980628071,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795980628071,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795980628071,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795980628071,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795980628073,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','3ae50d68219eb43a87aeba086fb174e3');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','70d678fb4079bb772df466078e8fa89a6d231be4b720a62ef384d135dc6dcc4a');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980628057,'127.0.0.1:41488',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT);
INSERT INTO "job" VALUES(1,'01M8MCK42F2V756FTX5YCTGCVJ','saf',1795980628047,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980628061,1795982428047,NULL,'local',1,1770785527,NULL,1795980628057,1795980628059,1795980628061);
INSERT INTO "job" VALUES(2,'01M8MCK42J8025K574YFGSQWV4','saf',1795980628050,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980628063,1795982428050,NULL,'local',1,386582493,NULL,1795980628057,NULL,1795980628063);
INSERT INTO "job" VALUES(3,'01M8MCK42NV49RQWZXBM3ZC516','saf',1795980628053,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980628065,1795982428053,NULL,'local',1,3945829378,NULL,1795980628057,1795980628065,NULL);
INSERT INTO "job" VALUES(4,'01M8MCK42QFRKNJJ9MVVB395V5','saf',1795980628055,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980628057,1795982428055,NULL,'local',1,3716390260,NULL,1795980628057,NULL,NULL);
INSERT INTO "job" VALUES(5,'01M8MCK433FS2F660167B6YP0T','wema',1795980628067,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980628071,NULL,NULL,'local',0,1888061251,NULL,NULL,NULL,1795980628071);
INSERT INTO "job" VALUES(6,'01M8MCK4355N23EW9RKME85G8X','wema',1795980628069,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980628071,1795982428069,NULL,'local',0,210808410,NULL,NULL,NULL,1795980628071);
INSERT INTO "job" VALUES(7,'01M8MCK437BGHR46N20CS1DFAT','wema',1795980628071,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980628071,NULL,NULL,'local',0,1769643829,NULL,NULL,NULL,NULL);
INSERT INTO "job" VALUES(8,'01M8MCK439ERZP7DE7MDVH4KRY','saf',1795980628073,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980628073,1795982428073,NULL,'local',0,1809300888,NULL,NULL,NULL,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980628057,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:27.482370');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:27.483292');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:27.483919');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:27.484787');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 19:30:27.486050');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 19:30:27.486686');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('0b6fa2f2b7d13a5d','auth0|alice','auth0|alice','[]','[]',1795980627726,1827516627726,'operator',NULL);
INSERT INTO "token" VALUES('a30a2df884a5e1ec','auth0|kim','auth0|kim','["admin"]','[]',1795980627997,1827516627997,'operator',NULL);
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
CREATE INDEX job_cancel_all ON job (site, created_ms) WHERE lower(action) = 'cancel_all_commands';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',6);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',20);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

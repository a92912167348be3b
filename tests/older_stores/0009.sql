BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984811382,'operator','token use','operator','127.0.0.1:50190 token operator','','0000000000000000000000000000000000000000000000000000000000000000','b4ce2f5e9faed33f8b1ea3d59a009c4ec0ed4cf1b11de4e379f8dd911fba1758');
INSERT INTO "audit" VALUES(2,1795984811386,'operator','token create','b9c7623406710dfd','127.0.0.1:50190 token operator','for auth0|alice, roles [], sites []','b4ce2f5e9faed33f8b1ea3d59a009c4ec0ed4cf1b11de4e379f8dd911fba1758','632f1532c953ab2701035dd16196a5975064ce785db47f87662fd3eb37d4df1c');
INSERT INTO "audit" VALUES(3,1795984812553,'operator','token create','6f504daf665646d1','127.0.0.1:50192 token operator','for auth0|kim, roles [''admin''], sites []','632f1532c953ab2701035dd16196a5975064ce785db47f87662fd3eb37d4df1c','813658cec1f19d8f7c2a7154ae7c4253d7c911bf834184f26fb02ea221c6f1bd');
INSERT INTO "audit" VALUES(4,1795984813061,'auth0|kim','token use','6f504daf665646d1','127.0.0.1:42166 token 6f504daf665646d1','','813658cec1f19d8f7c2a7154ae7c4253d7c911bf834184f26fb02ea221c6f1bd','8ca35b2001c6b215d71fbd67908578e39ef1ce1eabd44e3bcb1c15e4a9bb85c8');
INSERT INTO "audit" VALUES(5,1795984813062,'auth0|kim','newjob','01M8MGJV069MCD13DN81N9H6J1','127.0.0.1:42166 token 6f504daf665646d1','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','8ca35b2001c6b215d71fbd67908578e39ef1ce1eabd44e3bcb1c15e4a9bb85c8','b276fce0ac5f8b792b007ba306808e70af2607ea61cca989879e83e3cc242c8f');
INSERT INTO "audit" VALUES(6,1795984813066,'auth0|kim','newjob','01M8MGJV0AJXT8ZD8T5PDTMYGT','127.0.0.1:42192 token 6f504daf665646d1','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','b276fce0ac5f8b792b007ba306808e70af2607ea61cca989879e83e3cc242c8f','b9e06db66228f0618b23c235bd23d94bc404e6fb863347db7582a1de7bc47ccc');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984813002,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984813018,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984813037,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984813048,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984813051,'127.0.0.1:42122','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984813051,'127.0.0.1:42122','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984813051,'127.0.0.1:42122','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984813051,'127.0.0.1:42122','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984813053,'127.0.0.1:42126','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984813055,'127.0.0.1:42134','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984813057,'127.0.0.1:42138','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984813059,'127.0.0.1:42152','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984813062,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984813064,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984813066,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795984813066,'auth0|alice','withdrawn by the stop of Alice A., 20:40:13 UTC',NULL);
INSERT INTO "change" VALUES(17,6,'wema','alternate','CANCELLED',NULL,1795984813067,'auth0|alice','withdrawn by the stop of Alice A., 20:40:13 UTC',NULL);
INSERT INTO "change" VALUES(18,8,'saf','both','UNREAD',NULL,1795984813069,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','d5eb6bb6affa16bd116f88b44ac8f857');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','3f5f99add62d2d5f09b038b02fdbf34950beee15b602d503eb5309b96f862632');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984813051,'127.0.0.1:42122',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGJTYAZMPY6A62BM29APC8','saf',1795984813002,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984813055,1795986613002,NULL,'local',1,2310713905,NULL,1795984813051,1795984813053,1795984813055,'');
INSERT INTO "job" VALUES(2,'01M8MGJTYT5G8WN0DCR2NA712A','saf',1795984813018,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984813057,1795986613018,NULL,'local',1,984300310,NULL,1795984813051,NULL,1795984813057,'');
INSERT INTO "job" VALUES(3,'01M8MGJTZCE1F3PQ5QJD7SFSHR','saf',1795984813036,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984813059,1795986613036,NULL,'local',1,2378243302,NULL,1795984813051,1795984813059,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGJTZRVJ0X77QQR1NK1PAK','saf',1795984813048,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984813051,1795986613048,NULL,'local',1,3913272999,NULL,1795984813051,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGJV069MCD13DN81N9H6J1','wema',1795984813062,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984813062,NULL,NULL,'local',0,2581700315,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGJV0885QAT4P86T7F6NQ0','wema',1795984813064,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984813066,1795986613064,NULL,'local',0,3518999997,NULL,NULL,NULL,1795984813066,'withdrawn by the stop of Alice A., 20:40:13 UTC');
INSERT INTO "job" VALUES(7,'01M8MGJV0AJXT8ZD8T5PDTMYGT','wema',1795984813066,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984813066,NULL,NULL,'local',0,2426833172,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGJV0D6SE3XN9ANMHPHAGH','saf',1795984813069,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984813069,1795986613069,NULL,'local',0,210054430,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984813050,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:10.372505');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:10.375906');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:10.382365');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:10.383558');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:10.385532');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:10.386480');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:10.389796');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:10.398145');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:10.401458');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('b9c7623406710dfd','auth0|alice','auth0|alice','[]','[]',1795984811382,2111344811382,'operator',NULL);
INSERT INTO "token" VALUES('6f504daf665646d1','auth0|kim','auth0|kim','["admin"]','[]',1795984812553,2111344812553,'operator',NULL);
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

BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984807162,'operator','token use','operator','127.0.0.1:49852 token operator','','0000000000000000000000000000000000000000000000000000000000000000','e82641a24aedfdb117b324f42bcd54b0ae8ff559df1ff3a64d8146204fd0ce58');
INSERT INTO "audit" VALUES(2,1795984807162,'operator','token create','7e51be4097cc9c0b','127.0.0.1:49852 token operator','for auth0|alice, roles [], sites []','e82641a24aedfdb117b324f42bcd54b0ae8ff559df1ff3a64d8146204fd0ce58','0f0b4e4c12b79db087d4b9bffe72a431aa55174c004a5876af4f1da08db54c79');
INSERT INTO "audit" VALUES(3,1795984808729,'operator','token create','920117a143160e35','127.0.0.1:49866 token operator','for auth0|kim, roles [''admin''], sites []','0f0b4e4c12b79db087d4b9bffe72a431aa55174c004a5876af4f1da08db54c79','28f932547df0b04ee1c396f99153f2068c92a4070d6105370fb620c02e1cb4f0');
INSERT INTO "audit" VALUES(4,1795984808948,'auth0|kim','token use','920117a143160e35','127.0.0.1:49958 token 920117a143160e35','','28f932547df0b04ee1c396f99153f2068c92a4070d6105370fb620c02e1cb4f0','990703b34244408e264f0d40e3b970de628b7ce1280b3bbc42062c79248c436d');
INSERT INTO "audit" VALUES(5,1795984808948,'auth0|kim','newjob','01M8MGJPZMSQHYZAKDMGXJA0PA','127.0.0.1:49958 token 920117a143160e35','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','990703b34244408e264f0d40e3b970de628b7ce1280b3bbc42062c79248c436d','42aabc55127aa88cdc7c744dac4133ce55e2b8d5d41155a53ec0b9b2f145eeec');
INSERT INTO "audit" VALUES(6,1795984808953,'auth0|kim','newjob','01M8MGJPZT1B3AK5EDX05CAMZ4','127.0.0.1:49980 token 920117a143160e35','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','42aabc55127aa88cdc7c744dac4133ce55e2b8d5d41155a53ec0b9b2f145eeec','fa103f208f654e650210e1bfb3a90caa09fbcaa16030c7c2255215dfe5681aef');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984808917,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984808923,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984808927,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984808935,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984808938,'127.0.0.1:49924','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984808938,'127.0.0.1:49924','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984808938,'127.0.0.1:49924','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984808938,'127.0.0.1:49924','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984808940,'127.0.0.1:49938','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984808942,'127.0.0.1:49942','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984808944,'127.0.0.1:49944','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984808946,'127.0.0.1:49956','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984808948,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984808951,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795984808953,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795984808953,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795984808953,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795984808953,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795984808954,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795984808956,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','e0f64f0f318fffff44f82bdb15f8eff4');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','c24fa8882d1755dcd0989ba2c14ee07ef3b7c433fad4d9df7d8faf43d15dcf38');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984808938,'127.0.0.1:49924',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT);
INSERT INTO "job" VALUES(1,'01M8MGJPYNYQY80XC58QZE3MX0','saf',1795984808917,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984808942,1795986608917,NULL,'local',1,352124768,NULL,1795984808938,1795984808940,1795984808942);
INSERT INTO "job" VALUES(2,'01M8MGJPYVS9J1EGPBJ8WNJ3NQ','saf',1795984808923,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984808944,1795986608923,NULL,'local',1,4102565500,NULL,1795984808938,NULL,1795984808944);
INSERT INTO "job" VALUES(3,'01M8MGJPYZP00PN1M9CY1K1ZQG','saf',1795984808927,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984808946,1795986608927,NULL,'local',1,3004202888,NULL,1795984808938,1795984808946,NULL);
INSERT INTO "job" VALUES(4,'01M8MGJPZ7PPZR3H2Z4SH03WXH','saf',1795984808935,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984808938,1795986608935,NULL,'local',1,1336564756,NULL,1795984808938,NULL,NULL);
INSERT INTO "job" VALUES(5,'01M8MGJPZMSQHYZAKDMGXJA0PA','wema',1795984808948,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984808953,NULL,NULL,'local',0,748618360,NULL,NULL,NULL,1795984808953);
INSERT INTO "job" VALUES(6,'01M8MGJPZQW6NE0QV8K8MT2916','wema',1795984808951,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984808953,1795986608951,NULL,'local',0,4209893920,NULL,NULL,NULL,1795984808953);
INSERT INTO "job" VALUES(7,'01M8MGJPZT1B3AK5EDX05CAMZ4','wema',1795984808954,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984808954,NULL,NULL,'local',0,2959831894,NULL,NULL,NULL,NULL);
INSERT INTO "job" VALUES(8,'01M8MGJPZWCF4ASHXX74MER5JT','saf',1795984808956,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984808956,1795986608956,NULL,'local',0,2477237752,NULL,NULL,NULL,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984808937,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:05.569343');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:05.575600');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:05.579229');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:05.593209');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:05.606052');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:05.615620');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('7e51be4097cc9c0b','auth0|alice','auth0|alice','[]','[]',1795984807162,2111344807162,'operator',NULL);
INSERT INTO "token" VALUES('920117a143160e35','auth0|kim','auth0|kim','["admin"]','[]',1795984808729,2111344808729,'operator',NULL);
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

BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984799711,'operator','token use','operator','127.0.0.1:34858 token operator','','0000000000000000000000000000000000000000000000000000000000000000','9ee72855fcecaa9375e0b23b1c4a756b6cdc0191ea4efc1b1b37d89260cf0212');
INSERT INTO "audit" VALUES(2,1795984799721,'operator','token create','29c12a84243132df','127.0.0.1:34858 token operator','for auth0|alice, roles [], sites []','9ee72855fcecaa9375e0b23b1c4a756b6cdc0191ea4efc1b1b37d89260cf0212','436739849251f62d69c588a06e24247ed2a43b0f3ce7f34e2f883719e971ea70');
INSERT INTO "audit" VALUES(3,1795984801808,'operator','token create','0f2f97699d073b54','127.0.0.1:34874 token operator','for auth0|kim, roles [''admin''], sites []','436739849251f62d69c588a06e24247ed2a43b0f3ce7f34e2f883719e971ea70','e22af3c93922744fa4e256cc04fd58f49fa4048d74fd783b72a9c0a570c8d260');
INSERT INTO "audit" VALUES(4,1795984802740,'auth0|kim','token use','0f2f97699d073b54','127.0.0.1:34966 token 0f2f97699d073b54','','e22af3c93922744fa4e256cc04fd58f49fa4048d74fd783b72a9c0a570c8d260','f05c8f3505b4a57ccdb2977b0e833ca0f45242d7b4abfb392849e288ac23f59e');
INSERT INTO "audit" VALUES(5,1795984802785,'auth0|kim','newjob','01M8MGJGZ1N3ZCHWPSVKAHH9RS','127.0.0.1:34966 token 0f2f97699d073b54','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','f05c8f3505b4a57ccdb2977b0e833ca0f45242d7b4abfb392849e288ac23f59e','dde3951a386c1e29b9c56933ee29d0bb1f9bdffb688edc34de62b06c2a70ce9f');
INSERT INTO "audit" VALUES(6,1795984802882,'auth0|kim','newjob','01M8MGJH22A1Y8RVEAFKRY6CA5','127.0.0.1:34978 token 0f2f97699d073b54','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','dde3951a386c1e29b9c56933ee29d0bb1f9bdffb688edc34de62b06c2a70ce9f','725a83259ddfa42e58326afb202b7ca9b8b5076c9c986f81b52913dd2bba175d');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984802582,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984802598,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984802615,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984802630,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984802651,'127.0.0.1:34920','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984802651,'127.0.0.1:34920','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984802651,'127.0.0.1:34920','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984802651,'127.0.0.1:34920','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984802669,'127.0.0.1:34924','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984802686,'127.0.0.1:34940','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984802699,'127.0.0.1:34942','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984802722,'127.0.0.1:34956','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984802785,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984802861,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795984802882,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795984802882,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795984802882,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795984802882,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795984802882,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795984802937,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','8dcef9945dbc2cbe9fd8c34701c2d5c9');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','ddcefbcc87f9ca903546e119d9cbee062e4eaa04fcff92e497b6c4cd1c5f4423');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984802651,'127.0.0.1:34920',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT);
INSERT INTO "job" VALUES(1,'01M8MGJGRPXPY4XQEVS22DDTCS','saf',1795984802582,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984802686,1795986602582,NULL,'local',1,637795058,NULL,1795984802651,1795984802669,1795984802686);
INSERT INTO "job" VALUES(2,'01M8MGJGS6JK1HGF4RCXB2AZAJ','saf',1795984802598,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984802699,1795986602598,NULL,'local',1,2534922097,NULL,1795984802651,NULL,1795984802699);
INSERT INTO "job" VALUES(3,'01M8MGJGSQNR8WKY8XCWC9WC0X','saf',1795984802615,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984802722,1795986602615,NULL,'local',1,4113777517,NULL,1795984802651,1795984802722,NULL);
INSERT INTO "job" VALUES(4,'01M8MGJGT6BQ8DNZMEQXCQGYE4','saf',1795984802630,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984802651,1795986602630,NULL,'local',1,1561048803,NULL,1795984802651,NULL,NULL);
INSERT INTO "job" VALUES(5,'01M8MGJGZ1N3ZCHWPSVKAHH9RS','wema',1795984802785,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984802882,NULL,NULL,'local',0,2215365547,NULL,NULL,NULL,1795984802882);
INSERT INTO "job" VALUES(6,'01M8MGJH1DR1EJKY0VJPGZM3MY','wema',1795984802861,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984802882,1795986602861,NULL,'local',0,110041700,NULL,NULL,NULL,1795984802882);
INSERT INTO "job" VALUES(7,'01M8MGJH22A1Y8RVEAFKRY6CA5','wema',1795984802882,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984802882,NULL,NULL,'local',0,3908843386,NULL,NULL,NULL,NULL);
INSERT INTO "job" VALUES(8,'01M8MGJH3SWTPRESNBHCB67ZKB','saf',1795984802937,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984802937,1795986602937,NULL,'local',0,3832558813,NULL,NULL,NULL,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984802649,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:39:57.968353');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:39:57.981913');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:39:57.988605');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:39:57.998362');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:39:58.006547');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('29c12a84243132df','auth0|alice','auth0|alice','[]','[]',1795984799712,2111344799712,'operator',NULL);
INSERT INTO "token" VALUES('0f2f97699d073b54','auth0|kim','auth0|kim','["admin"]','[]',1795984801807,2111344801807,'operator',NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',6);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',20);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

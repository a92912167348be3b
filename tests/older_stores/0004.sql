BEGIN TRANSACTION;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984791286,'operator','token use','operator','127.0.0.1:40344 token operator','','0000000000000000000000000000000000000000000000000000000000000000','b2b4659de5904e68da8eddebd86aa8a717747909f80ef2f20b704c538a1fa007');
INSERT INTO "audit" VALUES(2,1795984791293,'operator','token create','bd5a38e499abc5e4','127.0.0.1:40344 token operator','for auth0|alice, roles [], sites []','b2b4659de5904e68da8eddebd86aa8a717747909f80ef2f20b704c538a1fa007','6e8a2d2fd5a671c843287fe1f2b4418bdcd668952f4cbc84c3929f32ca8f9572');
INSERT INTO "audit" VALUES(3,1795984793365,'operator','token create','c729a4131192fd92','127.0.0.1:49014 token operator','for auth0|kim, roles [''admin''], sites []','6e8a2d2fd5a671c843287fe1f2b4418bdcd668952f4cbc84c3929f32ca8f9572','77fb839d1dee87880378bcd3bf80c1fab4a79eb9c88b2ede21154886428828fe');
INSERT INTO "audit" VALUES(4,1795984793924,'auth0|kim','token use','c729a4131192fd92','127.0.0.1:49122 token c729a4131192fd92','','77fb839d1dee87880378bcd3bf80c1fab4a79eb9c88b2ede21154886428828fe','75d2a09fefefe848b561a06e78859204e835023dc3315cef9db11461a35c037c');
INSERT INTO "audit" VALUES(5,1795984793934,'auth0|kim','newjob','01M8MGJ8AETNHPG9YCD5M646Z7','127.0.0.1:49122 token c729a4131192fd92','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','75d2a09fefefe848b561a06e78859204e835023dc3315cef9db11461a35c037c','80d2d71501860e0387d77d8aaca7a54d671a90d7f0af2ae164c5b7da125ad297');
INSERT INTO "audit" VALUES(6,1795984793958,'auth0|kim','newjob','01M8MGJ8B6YYYVH2TSB88PEATJ','127.0.0.1:49142 token c729a4131192fd92','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','80d2d71501860e0387d77d8aaca7a54d671a90d7f0af2ae164c5b7da125ad297','0df7b8d56772301ed85b793476b843a1a5de1c3543df457fda916b7bf3cd1e30');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984793753,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984793767,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984793778,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984793796,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984793812,'127.0.0.1:49074','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984793812,'127.0.0.1:49074','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984793812,'127.0.0.1:49074','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984793812,'127.0.0.1:49074','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984793832,'127.0.0.1:49084','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984793871,'127.0.0.1:49096','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984793889,'127.0.0.1:49110','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984793918,'127.0.0.1:49116','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984793934,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984793942,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795984793958,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795984793958,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795984793958,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795984793958,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795984793958,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795984793972,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','c7a5642de19a8c4ae212cdce6de7d701');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','990f85596558b8af460967b10fc383b51a5cb488ac369f023402e516e369bb0f');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984793812,'127.0.0.1:49074',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT);
INSERT INTO "job" VALUES(1,'01M8MGJ84SJXCDTPY06K4HM5EW','saf',1795984793753,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984793871,1795986593753,NULL,'local',1,3251040047,NULL);
INSERT INTO "job" VALUES(2,'01M8MGJ857Z3NXVJMKS62KXFBP','saf',1795984793767,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984793889,1795986593767,NULL,'local',1,712682903,NULL);
INSERT INTO "job" VALUES(3,'01M8MGJ85JJYTEFRNTFVWAPYRQ','saf',1795984793778,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984793918,1795986593778,NULL,'local',1,1386434559,NULL);
INSERT INTO "job" VALUES(4,'01M8MGJ8640AVP2KDW5EJPDS8C','saf',1795984793796,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984793812,1795986593796,NULL,'local',1,2701167610,NULL);
INSERT INTO "job" VALUES(5,'01M8MGJ8AETNHPG9YCD5M646Z7','wema',1795984793934,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984793958,NULL,NULL,'local',0,3085638608,NULL);
INSERT INTO "job" VALUES(6,'01M8MGJ8APERHVJYHR4S75KW3B','wema',1795984793942,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984793958,1795986593942,NULL,'local',0,3632910146,NULL);
INSERT INTO "job" VALUES(7,'01M8MGJ8B6YYYVH2TSB88PEATJ','wema',1795984793958,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984793958,NULL,NULL,'local',0,2624270515,NULL);
INSERT INTO "job" VALUES(8,'01M8MGJ8BM6BDT17JJP3Z7CEQ9','saf',1795984793972,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984793972,1795986593972,NULL,'local',0,1719790841,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984793812,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:39:49.470438');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:39:49.486016');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:39:49.488199');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:39:49.520975');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('bd5a38e499abc5e4','auth0|alice','auth0|alice','[]','[]',1795984791286,2111344791286,'operator',NULL);
INSERT INTO "token" VALUES('c729a4131192fd92','auth0|kim','auth0|kim','["admin"]','[]',1795984793361,2111344793361,'operator',NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',6);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',20);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

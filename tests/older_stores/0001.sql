BEGIN TRANSACTION;
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980624488,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980624493,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980624498,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980624504,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980624508,'127.0.0.1:51800','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980624508,'127.0.0.1:51800','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980624508,'127.0.0.1:51800','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980624508,'127.0.0.1:51800','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980624511,'127.0.0.1:51816','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980624513,'127.0.0.1:51828','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980624516,'127.0.0.1:51830','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980624518,'127.0.0.1:51836','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980624521,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980624526,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795980624529,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795980624529,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795980624529,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795980624529,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795980624529,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795980624532,'auth0|alice','',NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','50c40f532fbaf36ac0df91a72bfc582c');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','5a6d4b17539b5b428603e0b32b3a0442266a68d3d4457862e662b7712e6848f0');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980624508,'127.0.0.1:51800',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT);
INSERT INTO "job" VALUES(1,'01M8MCK0K8XCXWTFVGVZGYHHZJ','saf',1795980624488,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980624513,1795982424488,NULL,'local',1,3215492199,NULL);
INSERT INTO "job" VALUES(2,'01M8MCK0KDB6FJK7X1J23BX9HR','saf',1795980624493,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980624516,1795982424493,NULL,'local',1,2358148092,NULL);
INSERT INTO "job" VALUES(3,'01M8MCK0KJYMT637ZW2NK5B7CY','saf',1795980624498,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980624518,1795982424498,NULL,'local',1,3611155996,NULL);
INSERT INTO "job" VALUES(4,'01M8MCK0KRN4ZQ2H1VMG0CQCSK','saf',1795980624504,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980624508,1795982424504,NULL,'local',1,3695562189,NULL);
INSERT INTO "job" VALUES(5,'01M8MCK0M9G7FRD8D7RTV3NPMW','wema',1795980624521,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980624529,NULL,NULL,'local',0,2229132337,NULL);
INSERT INTO "job" VALUES(6,'01M8MCK0ME4Z4YJ7MV0Q1SCMKR','wema',1795980624526,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980624529,1795982424526,NULL,'local',0,2515451303,NULL);
INSERT INTO "job" VALUES(7,'01M8MCK0MHSN11DJ37E2PBDYSR','wema',1795980624529,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980624529,NULL,NULL,'local',0,1015830465,NULL);
INSERT INTO "job" VALUES(8,'01M8MCK0MMQ21GY636H37PFBY8','saf',1795980624532,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980624532,1795982424532,NULL,'local',0,1729441461,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980624507,NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:23.890578');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('40d1943275cda57a','auth0|alice','auth0|alice','[]','[]',1795980624138,1827516624138,'operator',NULL);
INSERT INTO "token" VALUES('20e316d6481b7a6f','auth0|kim','auth0|kim','["admin"]','[]',1795980624437,1827516624437,'operator',NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',20);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

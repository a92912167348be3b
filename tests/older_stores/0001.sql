BEGIN TRANSACTION;
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984785836,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984785857,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984785874,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984785878,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984785882,'127.0.0.1:45270','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984785882,'127.0.0.1:45270','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984785882,'127.0.0.1:45270','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984785882,'127.0.0.1:45270','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984785885,'127.0.0.1:45274','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984785887,'127.0.0.1:45288','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984785889,'127.0.0.1:45292','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984785891,'127.0.0.1:45298','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984785893,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984785896,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795984785899,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795984785899,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795984785899,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795984785899,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795984785899,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795984785902,'auth0|alice','',NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','925d5e2eb4e96ec064fb8964d68d3319');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','06dd1dbe05ab3113be674c7b6b5ed324fb8b60c660ae43737e5317cfc6d52f12');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984785882,'127.0.0.1:45270',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT);
INSERT INTO "job" VALUES(1,'01M8MGJ0DCVPSZYXP6HMGGCW17','saf',1795984785836,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984785887,1795986585836,NULL,'local',1,3153481544,NULL);
INSERT INTO "job" VALUES(2,'01M8MGJ0E1NRG72MDPNV56B3RE','saf',1795984785857,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984785889,1795986585857,NULL,'local',1,733572851,NULL);
INSERT INTO "job" VALUES(3,'01M8MGJ0EJRJGW27ZF2F159PHX','saf',1795984785874,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984785891,1795986585874,NULL,'local',1,3956576824,NULL);
INSERT INTO "job" VALUES(4,'01M8MGJ0EPNTZ5GXS33SCQBY3X','saf',1795984785878,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984785882,1795986585878,NULL,'local',1,1784536393,NULL);
INSERT INTO "job" VALUES(5,'01M8MGJ0F5FQ39ZM2DM11ZW3W4','wema',1795984785893,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984785899,NULL,NULL,'local',0,1490129354,NULL);
INSERT INTO "job" VALUES(6,'01M8MGJ0F8H6MCEMW24X87RGE4','wema',1795984785896,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984785899,1795986585896,NULL,'local',0,405492031,NULL);
INSERT INTO "job" VALUES(7,'01M8MGJ0FBDW81DHDQRYC7Q99W','wema',1795984785899,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984785899,NULL,NULL,'local',0,2771512527,NULL);
INSERT INTO "job" VALUES(8,'01M8MGJ0FEX0E6W655S0Q8R2GW','saf',1795984785902,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984785902,1795986585902,NULL,'local',0,4274872229,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984785881,NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:39:41.023401');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('b0a9f659fb696855','auth0|alice','auth0|alice','[]','[]',1795984783286,2111344783286,'operator',NULL);
INSERT INTO "token" VALUES('8556ae0a4bcc0b0e','auth0|kim','auth0|kim','["admin"]','[]',1795984785378,2111344785378,'operator',NULL);
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

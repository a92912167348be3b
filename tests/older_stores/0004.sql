BEGIN TRANSACTION;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980625343,'operator','token use','operator','127.0.0.1:59158 token operator','','0000000000000000000000000000000000000000000000000000000000000000','b5efef5f3a8824e0a2bf16b93653824e5bfcf9de1f7149b14b36f320d467d595');
INSERT INTO "audit" VALUES(2,1795980625343,'operator','token create','c12ffb3bc97fd86b','127.0.0.1:59158 token operator','for auth0|alice, roles [], sites []','b5efef5f3a8824e0a2bf16b93653824e5bfcf9de1f7149b14b36f320d467d595','45d5d2284ea019a1033c2c14440bd9f216ca8618b2b6abb6e01ace28b83ffd98');
INSERT INTO "audit" VALUES(3,1795980625710,'operator','token create','cd2f1abf9a15fdb7','127.0.0.1:59162 token operator','for auth0|kim, roles [''admin''], sites []','45d5d2284ea019a1033c2c14440bd9f216ca8618b2b6abb6e01ace28b83ffd98','d05a9936975d30d080d141aac0c93d6f0c812833e1f025f35cf99069a78c3e4c');
INSERT INTO "audit" VALUES(4,1795980625779,'auth0|kim','token use','cd2f1abf9a15fdb7','127.0.0.1:59264 token cd2f1abf9a15fdb7','','d05a9936975d30d080d141aac0c93d6f0c812833e1f025f35cf99069a78c3e4c','6f6128a062fba9d12bbd54edb2eb3e36f5ed61696a9cd00098af35a917bbe09e');
INSERT INTO "audit" VALUES(5,1795980625780,'auth0|kim','newjob','01M8MCK1VMG4CYJPN2PVPPHK6G','127.0.0.1:59264 token cd2f1abf9a15fdb7','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','6f6128a062fba9d12bbd54edb2eb3e36f5ed61696a9cd00098af35a917bbe09e','4c7a3b83c75bd344928df9d6ae5dbc580d1691a666c5cc10d13c5b12aea580d3');
INSERT INTO "audit" VALUES(6,1795980625784,'auth0|kim','newjob','01M8MCK1VRDKZ3CEZ3JEXMMM58','127.0.0.1:59282 token cd2f1abf9a15fdb7','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','4c7a3b83c75bd344928df9d6ae5dbc580d1691a666c5cc10d13c5b12aea580d3','96f427ab0ca1a38bde486781cee18abdf02fb07e1bfb04b4b6cf2f644a17148e');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980625758,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980625761,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980625763,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980625765,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980625769,'127.0.0.1:59220','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980625769,'127.0.0.1:59220','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980625769,'127.0.0.1:59220','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980625769,'127.0.0.1:59220','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980625772,'127.0.0.1:59232','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980625775,'127.0.0.1:59242','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980625776,'127.0.0.1:59252','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980625778,'127.0.0.1:59260','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980625780,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980625782,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795980625783,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795980625783,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795980625783,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795980625783,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795980625783,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795980625786,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','c1665a684cc18fc1d2e5cac51fa669b2');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','d5035fa7d75b38cd91bea67d12e15b7596d94079ed93e5dc41e262b5ed6252a2');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980625769,'127.0.0.1:59220',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT);
INSERT INTO "job" VALUES(1,'01M8MCK1TY3YPCNXQ85CK43DR0','saf',1795980625758,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980625775,1795982425758,NULL,'local',1,3682542672,NULL);
INSERT INTO "job" VALUES(2,'01M8MCK1V18Z0632THWB512RV9','saf',1795980625761,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980625776,1795982425761,NULL,'local',1,846256258,NULL);
INSERT INTO "job" VALUES(3,'01M8MCK1V3QXTWTKQRNT2X3DM9','saf',1795980625763,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980625778,1795982425763,NULL,'local',1,624145323,NULL);
INSERT INTO "job" VALUES(4,'01M8MCK1V5J8WM29DH5MR9HY9Y','saf',1795980625765,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980625769,1795982425765,NULL,'local',1,691805921,NULL);
INSERT INTO "job" VALUES(5,'01M8MCK1VMG4CYJPN2PVPPHK6G','wema',1795980625780,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980625783,NULL,NULL,'local',0,3798094215,NULL);
INSERT INTO "job" VALUES(6,'01M8MCK1VPJZC63V5DC7CPADRG','wema',1795980625782,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980625783,1795982425782,NULL,'local',0,504866186,NULL);
INSERT INTO "job" VALUES(7,'01M8MCK1VRDKZ3CEZ3JEXMMM58','wema',1795980625784,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980625783,NULL,NULL,'local',0,3112413609,NULL);
INSERT INTO "job" VALUES(8,'01M8MCK1VTQY04MG5K3N6KZ51W','saf',1795980625786,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980625786,1795982425786,NULL,'local',0,2425211180,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980625767,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:24.966839');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:24.967771');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:24.968409');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:24.969144');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('c12ffb3bc97fd86b','auth0|alice','auth0|alice','[]','[]',1795980625343,1827516625343,'operator',NULL);
INSERT INTO "token" VALUES('cd2f1abf9a15fdb7','auth0|kim','auth0|kim','["admin"]','[]',1795980625710,1827516625710,'operator',NULL);
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

BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980655412,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','d4fdd2e4c16dd19fba37b75c0b12bc95607b6cba15dc7618727d4080a736692f');
INSERT INTO "audit" VALUES(2,1795980655561,'root','token use','operator','127.0.0.1:32968 token operator','','d4fdd2e4c16dd19fba37b75c0b12bc95607b6cba15dc7618727d4080a736692f','6b30f5e2cb73601e4ad70c0c6d021a86ad01754fcce718804f75c34967c953be');
INSERT INTO "audit" VALUES(3,1795980655561,'root','token create','0766dcf0a8fc9dbe','127.0.0.1:32968 token operator','for auth0|alice, roles [], sites []','6b30f5e2cb73601e4ad70c0c6d021a86ad01754fcce718804f75c34967c953be','15274b1c157e3442cd3e57b7a2d4ca026b643392b1ee51e0d98a317b2550bbb5');
INSERT INTO "audit" VALUES(4,1795980655877,'root','token create','d85fe9c6a795637d','127.0.0.1:32982 token operator','for auth0|kim, roles [''admin''], sites []','15274b1c157e3442cd3e57b7a2d4ca026b643392b1ee51e0d98a317b2550bbb5','2505fa899f205d6a327ddfa28466bb53a7d5696f57d395984d4a37df8cda5c5d');
INSERT INTO "audit" VALUES(5,1795980655961,'auth0|kim','token use','d85fe9c6a795637d','127.0.0.1:33074 token d85fe9c6a795637d','','2505fa899f205d6a327ddfa28466bb53a7d5696f57d395984d4a37df8cda5c5d','b4046a88ea002f38fc61f9f6084b7fdded73632ef7a3b8b06fde1a73b4792885');
INSERT INTO "audit" VALUES(6,1795980655961,'auth0|kim','newjob','01M8MCKZASHGS5W79YPQJ2854D','127.0.0.1:33074 token d85fe9c6a795637d','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','b4046a88ea002f38fc61f9f6084b7fdded73632ef7a3b8b06fde1a73b4792885','b7fa2e92b396da9ab831409a61a903d55d4e487c92fb8414a05d1ca90e980a0f');
INSERT INTO "audit" VALUES(7,1795980655968,'auth0|kim','newjob','01M8MCKZB0NEVWBSSQ7ZZN83P9','127.0.0.1:33084 token d85fe9c6a795637d','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','b7fa2e92b396da9ab831409a61a903d55d4e487c92fb8414a05d1ca90e980a0f','888f6d3eae4195a9e1b17f070bb3cdefcdf05db3ae72dcf9d02f0b5c9ac89c6b');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980655919,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980655924,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980655926,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980655934,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980655940,'127.0.0.1:33026','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980655940,'127.0.0.1:33026','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980655940,'127.0.0.1:33026','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980655940,'127.0.0.1:33026','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980655946,'127.0.0.1:33032','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980655951,'127.0.0.1:33048','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980655956,'127.0.0.1:33056','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980655958,'127.0.0.1:33058','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980655961,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980655965,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795980655968,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795980655968,'auth0|alice','withdrawn by the stop of Alice A., 19:30:55 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795980655973,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','50c00aa4faad5aaeece2c23d313fd8bd');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','378087996a81ddbe5ad81c9b668331670e94e33e6d9b0325e72d2170023cbc39');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795980655412');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795980655940,'127.0.0.1:33026',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MCKZ9FWB4ZHZMYVNN5KJTT','saf',1795980655919,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980655951,1795982455919,NULL,'local',1,1596301982,NULL,1795980655940,1795980655946,1795980655951,'');
INSERT INTO "job" VALUES(2,'01M8MCKZ9M65203VSTH3DV86HM','saf',1795980655924,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980655956,1795982455924,NULL,'local',1,3107586843,NULL,1795980655940,NULL,1795980655956,'');
INSERT INTO "job" VALUES(3,'01M8MCKZ9PTN3N95ZG5KZ3K6CS','saf',1795980655926,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980655958,1795982455926,NULL,'local',1,363241842,NULL,1795980655940,1795980655958,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MCKZ9YQTVTQDR22FF7WRQG','saf',1795980655934,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980655940,1795982455934,NULL,'local',1,2443153155,NULL,1795980655940,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MCKZASHGS5W79YPQJ2854D','wema',1795980655961,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980655961,NULL,NULL,'local',0,3302939538,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MCKZAXB92FCY4WT70PTX2C','wema',1795980655965,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980655968,1795982455965,NULL,'local',0,99942727,NULL,NULL,NULL,1795980655968,'withdrawn by the stop of Alice A., 19:30:55 UTC');
INSERT INTO "job" VALUES(7,'01M8MCKZB0NEVWBSSQ7ZZN83P9','wema',1795980655968,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980655968,NULL,NULL,'local',0,2777895041,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MCKZB5BN31A6A1F12ZPFNF','saf',1795980655973,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980655973,1795982455973,NULL,'local',0,330901873,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980655939,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:55.370360');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:55.371386');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:55.372089');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:55.373050');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 19:30:55.374498');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 19:30:55.375233');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 19:30:55.376130');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 19:30:55.377212');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 19:30:55.378251');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 19:30:55.378828');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 19:30:55.379765');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 19:30:55.380914');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('0766dcf0a8fc9dbe','auth0|alice','auth0|alice','[]','[]',1795980655561,1827516655561,'root',NULL);
INSERT INTO "token" VALUES('d85fe9c6a795637d','auth0|kim','auth0|kim','["admin"]','[]',1795980655877,1827516655877,'root',NULL);
CREATE UNIQUE INDEX "schema_migration_name" ON "schema_migration" ("name");
CREATE UNIQUE INDEX job_site_ulid ON job (site, ulid);
CREATE INDEX job_unread ON job (site, seq) WHERE status = 'UNREAD';
CREATE INDEX job_alternate_unread ON job (site, seq) WHERE alternate_status = 'UNREAD';
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
COMMIT;

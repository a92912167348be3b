BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984347722,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','b2868f266076b8d088194c243e9b2aaa64800ef9785f203584626062099ba375');
INSERT INTO "audit" VALUES(2,1795984348462,'root','token use','operator','127.0.0.1:48654 token operator','','b2868f266076b8d088194c243e9b2aaa64800ef9785f203584626062099ba375','022076ffd6afdebc822ced326cba9901c461ddc2b0c5bedba14863d1afc41bfe');
INSERT INTO "audit" VALUES(3,1795984348464,'root','token create','fb0ea51f57a518c3','127.0.0.1:48654 token operator','for auth0|alice, roles [], sites []','022076ffd6afdebc822ced326cba9901c461ddc2b0c5bedba14863d1afc41bfe','58120707f7d158886ade57a4fd8c237f294dd0d683325a05b55d69f132c40cb3');
INSERT INTO "audit" VALUES(4,1795984349114,'root','token create','88d5a80100359382','127.0.0.1:48680 token operator','for auth0|kim, roles [''admin''], sites []','58120707f7d158886ade57a4fd8c237f294dd0d683325a05b55d69f132c40cb3','b8896b2776814e5f40a96c9d7de79be39cd9b3e02ed115530ba4e69677f02897');
INSERT INTO "audit" VALUES(5,1795984349480,'auth0|kim','token use','88d5a80100359382','127.0.0.1:48770 token 88d5a80100359382','','b8896b2776814e5f40a96c9d7de79be39cd9b3e02ed115530ba4e69677f02897','c4ee25a277c206e4ffc52d51a7bece20b7aae5659c40132a4df1f8672e7b168b');
INSERT INTO "audit" VALUES(6,1795984349485,'auth0|kim','newjob','01M8MG4P9DFAGVDMWBB70W8QGW','127.0.0.1:48770 token 88d5a80100359382','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','c4ee25a277c206e4ffc52d51a7bece20b7aae5659c40132a4df1f8672e7b168b','84c8ea3b69f07b6e87cf77cd86f3d07661bbe729621930e8454c8d6e8de42824');
INSERT INTO "audit" VALUES(7,1795984349511,'auth0|kim','newjob','01M8MG4PA7NP351CCX2MDXEYFW','127.0.0.1:48786 token 88d5a80100359382','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','84c8ea3b69f07b6e87cf77cd86f3d07661bbe729621930e8454c8d6e8de42824','b07dd38b3e3ca50792a0a65bc003955d150bc0be36864fbe19e2fc64a679e85d');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984349313,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984349339,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984349368,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984349390,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984349412,'127.0.0.1:48730','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984349412,'127.0.0.1:48730','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984349412,'127.0.0.1:48730','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984349412,'127.0.0.1:48730','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984349433,'127.0.0.1:48736','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984349457,'127.0.0.1:48748','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984349474,'127.0.0.1:48750','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984349477,'127.0.0.1:48756','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984349485,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984349508,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984349511,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984349512,'auth0|alice','withdrawn by the stop of Alice A., 20:32:29 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984349515,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','1f25fa0c9baf39ef3faa2c4e659897fa');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','a8e924dced71e996e8cec2a4b3b0057212181c63d1123f1ced587f8646e3975b');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984347722');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984349412,'127.0.0.1:48730',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MG4P41BNJBGVYA8ET22QQV','saf',1795984349313,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984349457,1795986149313,NULL,'local',1,3377675829,NULL,1795984349412,1795984349433,1795984349457,'');
INSERT INTO "job" VALUES(2,'01M8MG4P4V488T9GQH7H6MER3T','saf',1795984349339,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984349474,1795986149339,NULL,'local',1,3459291640,NULL,1795984349412,NULL,1795984349474,'');
INSERT INTO "job" VALUES(3,'01M8MG4P5RTA2AVAYK1YFF3Y62','saf',1795984349368,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984349477,1795986149368,NULL,'local',1,2992204239,NULL,1795984349412,1795984349477,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MG4P6EDT8M5X8CC3B6Y3YA','saf',1795984349390,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984349412,1795986149390,NULL,'local',1,717042254,NULL,1795984349412,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MG4P9DFAGVDMWBB70W8QGW','wema',1795984349485,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984349485,NULL,NULL,'local',0,676733413,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MG4PA4RHKSZAJ7G20NQBBB','wema',1795984349508,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984349512,1795986149508,NULL,'local',0,111199877,NULL,NULL,NULL,1795984349512,'withdrawn by the stop of Alice A., 20:32:29 UTC');
INSERT INTO "job" VALUES(7,'01M8MG4PA7NP351CCX2MDXEYFW','wema',1795984349511,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984349511,NULL,NULL,'local',0,1038534625,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MG4PABY7T1VV19J438YA9N','saf',1795984349515,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984349515,1795986149515,NULL,'local',0,695879693,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE notification (address TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL, raised_ms BIGINT NOT NULL, told_ms BIGINT, times INTEGER NOT NULL, PRIMARY KEY (address, subject));
CREATE TABLE observer_note (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, about TEXT NOT NULL,
        about_ms BIGINT NOT NULL, date TEXT NOT NULL, ulid TEXT NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL,
        time_ms BIGINT NOT NULL, author_id TEXT NOT NULL, author TEXT NOT NULL, struck_ms BIGINT, struck_by TEXT);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984349411,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:32:27.482686');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:32:27.498166');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:32:27.499217');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:32:27.502174');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:32:27.510531');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:32:27.521889');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:32:27.523577');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:32:27.526651');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:32:27.533803');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:32:27.537645');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:32:27.542323');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:32:27.546630');
INSERT INTO "schema_migration" VALUES(13,'0013_observer_notes','2026-11-29 20:32:27.557117');
INSERT INTO "schema_migration" VALUES(14,'0014_notify','2026-11-29 20:32:27.566575');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('fb0ea51f57a518c3','auth0|alice','auth0|alice','[]','[]',1795984348462,1827520348462,'root',NULL);
INSERT INTO "token" VALUES('88d5a80100359382','auth0|kim','auth0|kim','["admin"]','[]',1795984349114,1827520349114,'root',NULL);
CREATE TABLE told (id INTEGER NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL, address TEXT NOT NULL, news TEXT NOT NULL, key TEXT NOT NULL, raised_ms BIGINT NOT NULL);
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
CREATE INDEX observer_note_site ON observer_note (site, about_ms);
CREATE INDEX observer_note_about ON observer_note (about_ms);
CREATE INDEX observer_note_job ON observer_note (ulid) WHERE ulid <> '';
CREATE INDEX told_time ON told (time_ms);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',17);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

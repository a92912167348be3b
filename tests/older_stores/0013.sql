BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984829787,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','aef3735c5d0586ce54e35039e45057d235ac798999912c3fc4d00bc1a1206219');
INSERT INTO "audit" VALUES(2,1795984830059,'root','token use','operator','127.0.0.1:38722 token operator','','aef3735c5d0586ce54e35039e45057d235ac798999912c3fc4d00bc1a1206219','b5c55be5ef692112c9e918ac8323270102b9e0397908b55a1df1186fecae9b10');
INSERT INTO "audit" VALUES(3,1795984830060,'root','token create','4bf315a8aef21ed3','127.0.0.1:38722 token operator','for auth0|alice, roles [], sites []','b5c55be5ef692112c9e918ac8323270102b9e0397908b55a1df1186fecae9b10','9f2c944c8a5a7be116d3a38cf3eae939299c848295463ac9d0e3976437dc2fcf');
INSERT INTO "audit" VALUES(4,1795984830444,'root','token create','8a01c7b8f8c9f10a','127.0.0.1:38746 token operator','for auth0|kim, roles [''admin''], sites []','9f2c944c8a5a7be116d3a38cf3eae939299c848295463ac9d0e3976437dc2fcf','d551b6d6328d0df02c91cb23fbb3e6066b0fb6824cdb5578db1bfa6b65fd71c5');
INSERT INTO "audit" VALUES(5,1795984830591,'auth0|kim','token use','8a01c7b8f8c9f10a','127.0.0.1:38824 token 8a01c7b8f8c9f10a','','d551b6d6328d0df02c91cb23fbb3e6066b0fb6824cdb5578db1bfa6b65fd71c5','0e40e6196f668ffae29ae198ab407358097d4ce891c1e88f4809a2c0c73d93df');
INSERT INTO "audit" VALUES(6,1795984830592,'auth0|kim','newjob','01M8MGKC408ZVTSNRZ5JMQQAB8','127.0.0.1:38824 token 8a01c7b8f8c9f10a','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','0e40e6196f668ffae29ae198ab407358097d4ce891c1e88f4809a2c0c73d93df','c602985eda1f7c16a6e163636841749ea6d561b1464cbd8aad015b77cedf154e');
INSERT INTO "audit" VALUES(7,1795984830596,'auth0|kim','newjob','01M8MGKC44HDHXJ62QE5BTGHH7','127.0.0.1:38844 token 8a01c7b8f8c9f10a','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','c602985eda1f7c16a6e163636841749ea6d561b1464cbd8aad015b77cedf154e','adb1bf8876c205b35ef71b3cd1bdee51090482a93ac1719d69e372ff18d0dce0');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984830548,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984830561,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984830569,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984830572,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984830576,'127.0.0.1:38802','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984830576,'127.0.0.1:38802','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984830576,'127.0.0.1:38802','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984830576,'127.0.0.1:38802','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984830578,'127.0.0.1:38804','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984830585,'127.0.0.1:38810','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984830587,'127.0.0.1:38818','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984830589,'127.0.0.1:38820','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984830592,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984830594,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984830596,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984830596,'auth0|alice','withdrawn by the stop of Alice A., 20:40:30 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984830600,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','afc1732f6c100cc97eb448ea7cd6a562');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','4eba16a95bb50384d36c5832ad6c14e4f2ba490a0921dc7828f5899cac4be4ee');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984829787');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984830576,'127.0.0.1:38802',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGKC2MMPSF7EP2MD13MY2K','saf',1795984830548,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984830585,1795986630548,NULL,'local',1,2792473967,NULL,1795984830576,1795984830578,1795984830585,'');
INSERT INTO "job" VALUES(2,'01M8MGKC31FANWBWRQTW19R2Q8','saf',1795984830561,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984830587,1795986630561,NULL,'local',1,490369206,NULL,1795984830576,NULL,1795984830587,'');
INSERT INTO "job" VALUES(3,'01M8MGKC39ZYCHZNJCKHXB2E8Q','saf',1795984830569,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984830589,1795986630569,NULL,'local',1,2025650179,NULL,1795984830576,1795984830589,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGKC3CPWJGC96XN1KRYH00','saf',1795984830572,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984830576,1795986630572,NULL,'local',1,1498611013,NULL,1795984830576,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGKC408ZVTSNRZ5JMQQAB8','wema',1795984830592,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984830592,NULL,NULL,'local',0,1723451173,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGKC42M2PV4XZ7N67TB70H','wema',1795984830594,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984830596,1795986630594,NULL,'local',0,888029394,NULL,NULL,NULL,1795984830596,'withdrawn by the stop of Alice A., 20:40:30 UTC');
INSERT INTO "job" VALUES(7,'01M8MGKC44HDHXJ62QE5BTGHH7','wema',1795984830596,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984830596,NULL,NULL,'local',0,4241723245,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGKC480N6SM351V3YEMZ9J','saf',1795984830600,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984830600,1795986630600,NULL,'local',0,2115949964,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE observer_note (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, about TEXT NOT NULL,
        about_ms BIGINT NOT NULL, date TEXT NOT NULL, ulid TEXT NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL,
        time_ms BIGINT NOT NULL, author_id TEXT NOT NULL, author TEXT NOT NULL, struck_ms BIGINT, struck_by TEXT);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984830575,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:29.708264');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:29.711607');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:29.717561');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:29.719115');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:29.723701');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:29.724410');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:29.724942');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:29.725947');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:29.726747');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:40:29.727690');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:40:29.728927');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:40:29.730370');
INSERT INTO "schema_migration" VALUES(13,'0013_observer_notes','2026-11-29 20:40:29.731974');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('4bf315a8aef21ed3','auth0|alice','auth0|alice','[]','[]',1795984830059,2111344830059,'root',NULL);
INSERT INTO "token" VALUES('8a01c7b8f8c9f10a','auth0|kim','auth0|kim','["admin"]','[]',1795984830441,2111344830441,'root',NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',17);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

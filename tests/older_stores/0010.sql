BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984815509,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','915313df13eae4e9dd8e536aa8fc8221991e193ea169af67c96297fcf7a7ce77');
INSERT INTO "audit" VALUES(2,1795984816120,'root','token use','operator','127.0.0.1:58624 token operator','','915313df13eae4e9dd8e536aa8fc8221991e193ea169af67c96297fcf7a7ce77','124094004be6c79294f1a8548e6ab9c2e01391feedbec300bc3579f9180caffc');
INSERT INTO "audit" VALUES(3,1795984816145,'root','token create','f72ad60f6ce71fd4','127.0.0.1:58624 token operator','for auth0|alice, roles [], sites []','124094004be6c79294f1a8548e6ab9c2e01391feedbec300bc3579f9180caffc','7725bd8946efc15366ac5e0868a33f7e0990237075ad5674a55d5d2bb5476a61');
INSERT INTO "audit" VALUES(4,1795984817626,'root','token create','12ddce8cfe47de98','127.0.0.1:58642 token operator','for auth0|kim, roles [''admin''], sites []','7725bd8946efc15366ac5e0868a33f7e0990237075ad5674a55d5d2bb5476a61','95020410e450043d1bf4d37ff38c666695874941da87c809ca2b1ed6fc9b5c50');
INSERT INTO "audit" VALUES(5,1795984817868,'auth0|kim','token use','12ddce8cfe47de98','127.0.0.1:58720 token 12ddce8cfe47de98','','95020410e450043d1bf4d37ff38c666695874941da87c809ca2b1ed6fc9b5c50','fd0648081f0114962cb1d455e9b0b9a5f8a569b6c7e15802f392c6c298b9fe32');
INSERT INTO "audit" VALUES(6,1795984817868,'auth0|kim','newjob','01M8MGJZPCCD8K03KKZ3VYG7CV','127.0.0.1:58720 token 12ddce8cfe47de98','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','fd0648081f0114962cb1d455e9b0b9a5f8a569b6c7e15802f392c6c298b9fe32','665e4c17eb27431bdaaa6e6072219d6bb746abbd420807306baf3cd85558e65c');
INSERT INTO "audit" VALUES(7,1795984817880,'auth0|kim','newjob','01M8MGJZPRK21AK6NYQ6E8577B','127.0.0.1:58744 token 12ddce8cfe47de98','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','665e4c17eb27431bdaaa6e6072219d6bb746abbd420807306baf3cd85558e65c','1d2d62c77f9a1f7b728026a59b32925a5db26cdb3a7028a682b99ca2a6853217');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984817802,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984817812,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984817816,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984817824,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984817829,'127.0.0.1:58680','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984817829,'127.0.0.1:58680','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984817829,'127.0.0.1:58680','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984817829,'127.0.0.1:58680','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984817845,'127.0.0.1:58692','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984817848,'127.0.0.1:58700','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984817856,'127.0.0.1:58714','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984817859,'127.0.0.1:58716','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984817868,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984817876,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984817880,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795984817880,'auth0|alice','withdrawn by the stop of Alice A., 20:40:17 UTC',NULL);
INSERT INTO "change" VALUES(17,6,'wema','alternate','CANCELLED',NULL,1795984817881,'auth0|alice','withdrawn by the stop of Alice A., 20:40:17 UTC',NULL);
INSERT INTO "change" VALUES(18,8,'saf','both','UNREAD',NULL,1795984817892,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','90fecc23af08b830dfa36bd8bacf642d');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','e5dd1f24cbc91609a7211b70c9d917ff1e19e8311980464179dfd53ff4e75248');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984815509');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984817829,'127.0.0.1:58680',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGJZMA1XRJCBHZATX1BSQT','saf',1795984817802,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984817848,1795986617802,NULL,'local',1,2986273781,NULL,1795984817829,1795984817845,1795984817848,'');
INSERT INTO "job" VALUES(2,'01M8MGJZMMN93T7G2TQNN061HG','saf',1795984817812,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984817856,1795986617812,NULL,'local',1,363378019,NULL,1795984817829,NULL,1795984817856,'');
INSERT INTO "job" VALUES(3,'01M8MGJZMRKG28GJV47E0APNK7','saf',1795984817816,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984817859,1795986617816,NULL,'local',1,300876962,NULL,1795984817829,1795984817859,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGJZN098KC4SKKJ0SN05PN','saf',1795984817824,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984817829,1795986617824,NULL,'local',1,2127874921,NULL,1795984817829,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGJZPCCD8K03KKZ3VYG7CV','wema',1795984817868,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984817868,NULL,NULL,'local',0,2797667143,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGJZPMEDJ7W8AKBZS0ATCS','wema',1795984817876,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984817880,1795986617876,NULL,'local',0,1513250140,NULL,NULL,NULL,1795984817880,'withdrawn by the stop of Alice A., 20:40:17 UTC');
INSERT INTO "job" VALUES(7,'01M8MGJZPRK21AK6NYQ6E8577B','wema',1795984817880,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984817880,NULL,NULL,'local',0,2726223972,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGJZQ3X6CM5DP3R555C6QA','saf',1795984817891,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984817892,1795986617891,NULL,'local',0,1406118438,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984817829,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:15.438933');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:15.442414');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:15.445577');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:15.447398');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:15.450585');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:15.452023');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:15.453212');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:15.454567');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:15.455806');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:40:15.457030');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('f72ad60f6ce71fd4','auth0|alice','auth0|alice','[]','[]',1795984816120,2111344816120,'root',NULL);
INSERT INTO "token" VALUES('12ddce8cfe47de98','auth0|kim','auth0|kim','["admin"]','[]',1795984817623,2111344817623,'root',NULL);
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
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',18);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

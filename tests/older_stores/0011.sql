BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984821110,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','cc79bee5a4661cfce39639db0fd0ae4909088245de53ac851b0ba7ac924f7b18');
INSERT INTO "audit" VALUES(2,1795984821622,'root','token use','operator','127.0.0.1:35536 token operator','','cc79bee5a4661cfce39639db0fd0ae4909088245de53ac851b0ba7ac924f7b18','ee8cfd2f27052a7f47e640ea876ed96c63d5650c16e47fd8bc57237c5950d2d6');
INSERT INTO "audit" VALUES(3,1795984821623,'root','token create','4d26e83dbda28ca5','127.0.0.1:35536 token operator','for auth0|alice, roles [], sites []','ee8cfd2f27052a7f47e640ea876ed96c63d5650c16e47fd8bc57237c5950d2d6','ad4698b7c5789afd1cfc7a852b696a2e0867d5dff4400ea7d4153645bde05489');
INSERT INTO "audit" VALUES(4,1795984821985,'root','token create','cc9e15579de27cc3','127.0.0.1:35566 token operator','for auth0|kim, roles [''admin''], sites []','ad4698b7c5789afd1cfc7a852b696a2e0867d5dff4400ea7d4153645bde05489','b0e62cd0301ce4b2ea12d6c12f364d0252c50489a010e081569cd0cddca8ceaa');
INSERT INTO "audit" VALUES(5,1795984822070,'auth0|kim','token use','cc9e15579de27cc3','127.0.0.1:35674 token cc9e15579de27cc3','','b0e62cd0301ce4b2ea12d6c12f364d0252c50489a010e081569cd0cddca8ceaa','626722db1aa0951f437f9a6fca347d6dc1a9857fcba43e5fdfcc1126cafb0b36');
INSERT INTO "audit" VALUES(6,1795984822070,'auth0|kim','newjob','01M8MGK3SPK9W0WTAFM9XN80JX','127.0.0.1:35674 token cc9e15579de27cc3','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','626722db1aa0951f437f9a6fca347d6dc1a9857fcba43e5fdfcc1126cafb0b36','0ccb42384749b26c1d9998a9f5552b9274846c843b13381e8065269b4fdab283');
INSERT INTO "audit" VALUES(7,1795984822075,'auth0|kim','newjob','01M8MGK3SVRE0F8RM51PFTQ790','127.0.0.1:35680 token cc9e15579de27cc3','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','0ccb42384749b26c1d9998a9f5552b9274846c843b13381e8065269b4fdab283','7cfcb8fe54edcd3312dc75c198da67bfcb6808b86da7f22c2d744d8dd82185fa');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984822026,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984822038,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984822040,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984822043,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984822057,'127.0.0.1:35628','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984822057,'127.0.0.1:35628','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984822057,'127.0.0.1:35628','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984822057,'127.0.0.1:35628','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984822061,'127.0.0.1:35642','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984822063,'127.0.0.1:35644','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984822066,'127.0.0.1:35656','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984822068,'127.0.0.1:35668','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984822070,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984822073,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984822075,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984822075,'auth0|alice','withdrawn by the stop of Alice A., 20:40:22 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984822078,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','e58f74e9b06dd67afc1005e4b3533feb');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','c1f2d6e5c873cf2ba55535f5b3545a12c22bf6902ebf6dc86a9e2c1421e90531');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984821110');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795984822057,'127.0.0.1:35628',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGK3RA7W63NQWKD0SC3PRK','saf',1795984822026,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984822063,1795986622026,NULL,'local',1,2965020302,NULL,1795984822057,1795984822061,1795984822063,'');
INSERT INTO "job" VALUES(2,'01M8MGK3RPJYTRGKPMYZGZYAQH','saf',1795984822038,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984822066,1795986622038,NULL,'local',1,3605349833,NULL,1795984822057,NULL,1795984822066,'');
INSERT INTO "job" VALUES(3,'01M8MGK3RRS50Z8DYJJW4P5APD','saf',1795984822040,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984822068,1795986622040,NULL,'local',1,416103757,NULL,1795984822057,1795984822068,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGK3RVY1RVS4HJG5EC7T8M','saf',1795984822043,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984822057,1795986622043,NULL,'local',1,710377535,NULL,1795984822057,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGK3SPK9W0WTAFM9XN80JX','wema',1795984822070,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984822070,NULL,NULL,'local',0,1466536004,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGK3SSW97PXZD0WN5TY0ZZ','wema',1795984822073,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984822075,1795986622073,NULL,'local',0,233618530,NULL,NULL,NULL,1795984822075,'withdrawn by the stop of Alice A., 20:40:22 UTC');
INSERT INTO "job" VALUES(7,'01M8MGK3SVRE0F8RM51PFTQ790','wema',1795984822075,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984822075,NULL,NULL,'local',0,1314796839,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGK3SYFTTH15KM5DWTCRA1','saf',1795984822078,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984822078,1795986622078,NULL,'local',0,1906414095,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984822056,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:21.006625');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:21.008386');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:21.010325');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:21.012997');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:21.018945');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:21.022931');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:21.028951');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:21.033199');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:21.035250');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:40:21.042201');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:40:21.046316');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('4d26e83dbda28ca5','auth0|alice','auth0|alice','[]','[]',1795984821622,2111344821622,'root',NULL);
INSERT INTO "token" VALUES('cc9e15579de27cc3','auth0|kim','auth0|kim','["admin"]','[]',1795984821985,2111344821985,'root',NULL);
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

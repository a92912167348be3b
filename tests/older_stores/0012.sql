BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984825027,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','3494b692784f80bd7a63b5c455f41b92d54a274e0136173880c1967d8fe068d5');
INSERT INTO "audit" VALUES(2,1795984825572,'root','token use','operator','127.0.0.1:41926 token operator','','3494b692784f80bd7a63b5c455f41b92d54a274e0136173880c1967d8fe068d5','296fbd4fd2fe5cd7bbc32ca410e307164ddefc7109d955b3c393b267b6041a8c');
INSERT INTO "audit" VALUES(3,1795984825577,'root','token create','042b2fba82238fe9','127.0.0.1:41926 token operator','for auth0|alice, roles [], sites []','296fbd4fd2fe5cd7bbc32ca410e307164ddefc7109d955b3c393b267b6041a8c','47d3b906187091aafcde6e0b31e749e86d0db10d2ec859d391ff4a24b77548b1');
INSERT INTO "audit" VALUES(4,1795984826829,'root','token create','9280d9fd64e1f244','127.0.0.1:41944 token operator','for auth0|kim, roles [''admin''], sites []','47d3b906187091aafcde6e0b31e749e86d0db10d2ec859d391ff4a24b77548b1','421d776055cf7b5ffa75ef0504e52584369cd91b8cdfcb6a6f08a1fc38951e05');
INSERT INTO "audit" VALUES(5,1795984827212,'auth0|kim','token use','9280d9fd64e1f244','127.0.0.1:42030 token 9280d9fd64e1f244','','421d776055cf7b5ffa75ef0504e52584369cd91b8cdfcb6a6f08a1fc38951e05','77b74f26b0097e0d276a5c2fee40df4c26971458e59e39d5ea2403a9a3dcae7f');
INSERT INTO "audit" VALUES(6,1795984827213,'auth0|kim','newjob','01M8MGK8TDZJ790M7WJF456YE0','127.0.0.1:42030 token 9280d9fd64e1f244','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','77b74f26b0097e0d276a5c2fee40df4c26971458e59e39d5ea2403a9a3dcae7f','337239916a597bf3d88f142c1a5ab06987b2e7a45b4935cadbc1e24c424df23b');
INSERT INTO "audit" VALUES(7,1795984827218,'auth0|kim','newjob','01M8MGK8TJZQ11VZEHB0XH8GRX','127.0.0.1:42048 token 9280d9fd64e1f244','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','337239916a597bf3d88f142c1a5ab06987b2e7a45b4935cadbc1e24c424df23b','269ad3815ec05450b3c5f1a4b026043b571c508cb67b6e94562ea1188785587a');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984827082,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984827090,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984827110,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984827117,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984827138,'127.0.0.1:41976','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984827138,'127.0.0.1:41976','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984827138,'127.0.0.1:41976','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984827138,'127.0.0.1:41976','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984827160,'127.0.0.1:41986','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984827180,'127.0.0.1:41998','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984827206,'127.0.0.1:42006','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984827209,'127.0.0.1:42022','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984827213,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984827216,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984827218,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984827219,'auth0|alice','withdrawn by the stop of Alice A., 20:40:27 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984827223,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','cf680423189672d57359948ea1d25221');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','0072ed70c16e26f0566ee4bbb39af4cc8e026768248e5fcd77dc9e1d1c5fb15b');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984825027');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984827138,'127.0.0.1:41976',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGK8PAPTN2SKYBDCG1ZD86','saf',1795984827082,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984827180,1795986627082,NULL,'local',1,2707640924,NULL,1795984827138,1795984827160,1795984827180,'');
INSERT INTO "job" VALUES(2,'01M8MGK8PJJC9S20PEMA3WWXB0','saf',1795984827090,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984827206,1795986627090,NULL,'local',1,173822459,NULL,1795984827138,NULL,1795984827206,'');
INSERT INTO "job" VALUES(3,'01M8MGK8Q6981CE3GFJM6R14N8','saf',1795984827110,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984827209,1795986627110,NULL,'local',1,1019483553,NULL,1795984827138,1795984827209,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGK8QD9BK7GKEYWA9DM0BC','saf',1795984827117,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984827138,1795986627117,NULL,'local',1,2176246135,NULL,1795984827138,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGK8TDZJ790M7WJF456YE0','wema',1795984827213,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984827213,NULL,NULL,'local',0,3688874553,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGK8TGK0MVZXHJEREN8JBT','wema',1795984827216,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984827219,1795986627216,NULL,'local',0,1190946042,NULL,NULL,NULL,1795984827219,'withdrawn by the stop of Alice A., 20:40:27 UTC');
INSERT INTO "job" VALUES(7,'01M8MGK8TJZQ11VZEHB0XH8GRX','wema',1795984827218,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984827218,NULL,NULL,'local',0,3772212627,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGK8TQF8R1XXFY54QPSSTH','saf',1795984827223,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984827223,1795986627223,NULL,'local',0,1177232684,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795984827123,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:24.831728');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:24.841744');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:24.845117');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:24.851524');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:24.854104');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:24.861592');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:24.862725');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:24.870222');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:24.877877');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:40:24.883636');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:40:24.900230');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:40:24.902117');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('042b2fba82238fe9','auth0|alice','auth0|alice','[]','[]',1795984825572,2111344825572,'root',NULL);
INSERT INTO "token" VALUES('9280d9fd64e1f244','auth0|kim','auth0|kim','["admin"]','[]',1795984826828,2111344826828,'root',NULL);
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

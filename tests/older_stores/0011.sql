BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980630555,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','a0d460c4b132f22b9d5f9cb31bab4eb8b9250337b3b68fc1d44a834a9297635d');
INSERT INTO "audit" VALUES(2,1795980630675,'root','token use','operator','127.0.0.1:53720 token operator','','a0d460c4b132f22b9d5f9cb31bab4eb8b9250337b3b68fc1d44a834a9297635d','92afab6af423c016fb41759cdcd1bfc6345195bae7d0345cd6e2a40be7d444bc');
INSERT INTO "audit" VALUES(3,1795980630675,'root','token create','ab9cd9423ebfaca2','127.0.0.1:53720 token operator','for auth0|alice, roles [], sites []','92afab6af423c016fb41759cdcd1bfc6345195bae7d0345cd6e2a40be7d444bc','141a002923366218e80ca0df993839de1a97d3e710b6369318f4273c22d16f49');
INSERT INTO "audit" VALUES(4,1795980630817,'root','token create','979f8a7dccd30952','127.0.0.1:53746 token operator','for auth0|kim, roles [''admin''], sites []','141a002923366218e80ca0df993839de1a97d3e710b6369318f4273c22d16f49','e38f5d13164cfa31fb5bc55dce569c27d859d6c45def289f7e7851d52ff2d29c');
INSERT INTO "audit" VALUES(5,1795980630862,'auth0|kim','token use','979f8a7dccd30952','127.0.0.1:53838 token 979f8a7dccd30952','','e38f5d13164cfa31fb5bc55dce569c27d859d6c45def289f7e7851d52ff2d29c','e1502db0e9d52528b36d2282a5baa0208a8e9a881c9bd449c49a2399eb9417b0');
INSERT INTO "audit" VALUES(6,1795980630862,'auth0|kim','newjob','01M8MCK6TEHZZ5ZTT4YRGB61CF','127.0.0.1:53838 token 979f8a7dccd30952','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','e1502db0e9d52528b36d2282a5baa0208a8e9a881c9bd449c49a2399eb9417b0','a7d680875274a5bed5b98467aa79e6fde19c3432fbb840458bcc6d405a859fff');
INSERT INTO "audit" VALUES(7,1795980630866,'auth0|kim','newjob','01M8MCK6TJSEXJAPNG0KNGKPZS','127.0.0.1:53860 token 979f8a7dccd30952','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','a7d680875274a5bed5b98467aa79e6fde19c3432fbb840458bcc6d405a859fff','8a3501a0cb2f6539c11574dc0770d80335aa931cd9903d0705bc3e0457f18552');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980630842,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980630845,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980630847,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980630850,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980630852,'127.0.0.1:53792','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980630852,'127.0.0.1:53792','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980630852,'127.0.0.1:53792','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980630852,'127.0.0.1:53792','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980630855,'127.0.0.1:53796','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980630856,'127.0.0.1:53812','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980630858,'127.0.0.1:53816','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980630860,'127.0.0.1:53830','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980630862,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980630864,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795980630866,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795980630867,'auth0|alice','withdrawn by the stop of Alice A., 19:30:30 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795980630869,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','8569088fae2adf623db987327806a76e');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','a08ac54abae75e9f1bfccb80c9f3dd0d93e9025fc7d086e155272002a27041d3');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795980630555');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980630852,'127.0.0.1:53792',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MCK6ST6ASNPSAYNT9Y8RN8','saf',1795980630842,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980630856,1795982430842,NULL,'local',1,1122294528,NULL,1795980630852,1795980630855,1795980630856,'');
INSERT INTO "job" VALUES(2,'01M8MCK6SXQACDR2A39DAVKT3W','saf',1795980630845,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980630858,1795982430845,NULL,'local',1,4128641402,NULL,1795980630852,NULL,1795980630858,'');
INSERT INTO "job" VALUES(3,'01M8MCK6SZ4Q2XHYYKW8PREXDC','saf',1795980630847,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980630860,1795982430847,NULL,'local',1,1443554592,NULL,1795980630852,1795980630860,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MCK6T2VMBYK7J0A6HCRVNY','saf',1795980630850,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980630852,1795982430850,NULL,'local',1,659095113,NULL,1795980630852,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MCK6TEHZZ5ZTT4YRGB61CF','wema',1795980630862,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980630862,NULL,NULL,'local',0,1956278538,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MCK6TGZT3913TR495AHBED','wema',1795980630864,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980630867,1795982430864,NULL,'local',0,1856028247,NULL,NULL,NULL,1795980630867,'withdrawn by the stop of Alice A., 19:30:30 UTC');
INSERT INTO "job" VALUES(7,'01M8MCK6TJSEXJAPNG0KNGKPZS','wema',1795980630866,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980630866,NULL,NULL,'local',0,849206261,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MCK6TNCJNWKPMXXMJAXQCH','saf',1795980630869,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980630869,1795982430869,NULL,'local',0,558421414,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE make_safe (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, since_ms BIGINT NOT NULL, ended_ms BIGINT,
    replaced INTEGER NOT NULL DEFAULT 0, user_id TEXT NOT NULL, user_name TEXT NOT NULL, act TEXT NOT NULL);
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980630852,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:30.529146');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:30.530130');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:30.530804');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:30.531569');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 19:30:30.532815');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 19:30:30.533594');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 19:30:30.534218');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 19:30:30.535069');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 19:30:30.535702');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 19:30:30.536286');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 19:30:30.537090');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('ab9cd9423ebfaca2','auth0|alice','auth0|alice','[]','[]',1795980630675,1827516630675,'root',NULL);
INSERT INTO "token" VALUES('979f8a7dccd30952','auth0|kim','auth0|kim','["admin"]','[]',1795980630817,1827516630817,'root',NULL);
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

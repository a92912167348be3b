BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984352906,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','eca3340138e7f42b430774d3526c11319e429e7daba6faa9e84218ddb7d794c8');
INSERT INTO "audit" VALUES(2,1795984353716,'root','token use','operator','127.0.0.1:49130 token operator','','eca3340138e7f42b430774d3526c11319e429e7daba6faa9e84218ddb7d794c8','96bc283819fb37b80baa1899b752c27fb9f58ec7a44f41bddf1ba44426700dfe');
INSERT INTO "audit" VALUES(3,1795984353723,'root','token create','2239889d906c17c1','127.0.0.1:49130 token operator','for auth0|alice, roles [], sites []','96bc283819fb37b80baa1899b752c27fb9f58ec7a44f41bddf1ba44426700dfe','7cf4ccb6def01631366c148ed7cf15aec9ed0a2864f6288105583b053b23a408');
INSERT INTO "audit" VALUES(4,1795984354598,'root','token create','ca9a880052d18930','127.0.0.1:49148 token operator','for auth0|kim, roles [''admin''], sites []','7cf4ccb6def01631366c148ed7cf15aec9ed0a2864f6288105583b053b23a408','d2e0b8240a859726bfd8de51b72cd3abba1e45e82f32af6e1e63d10232f29406');
INSERT INTO "audit" VALUES(5,1795984354973,'auth0|kim','token use','ca9a880052d18930','127.0.0.1:49204 token ca9a880052d18930','','d2e0b8240a859726bfd8de51b72cd3abba1e45e82f32af6e1e63d10232f29406','6a1305cdd856d7402ac209988d820b4168c76abbd649c0ea877d4c557dd39936');
INSERT INTO "audit" VALUES(6,1795984354973,'auth0|kim','newjob','01M8MG4VMX5KQQV0HPPE98A1X9','127.0.0.1:49204 token ca9a880052d18930','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','6a1305cdd856d7402ac209988d820b4168c76abbd649c0ea877d4c557dd39936','de6ba3c2e499580a732c1683f70f73c1ad7e0b221978ae25e716a1b2c19d86a5');
INSERT INTO "audit" VALUES(7,1795984354980,'auth0|kim','newjob','01M8MG4VN4KF41DSZ75K4RTQ30','127.0.0.1:49218 token ca9a880052d18930','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','de6ba3c2e499580a732c1683f70f73c1ad7e0b221978ae25e716a1b2c19d86a5','21cf33a5b49852ffda3fe965cd28fc126ad365a5600966a9c0180e7d9230470b');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984354795,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984354814,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984354832,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984354862,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984354882,'127.0.0.1:49170','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984354882,'127.0.0.1:49170','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984354882,'127.0.0.1:49170','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984354882,'127.0.0.1:49170','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984354906,'127.0.0.1:49182','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984354923,'127.0.0.1:49190','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984354946,'127.0.0.1:49194','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984354966,'127.0.0.1:49196','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984354973,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984354977,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984354980,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984354980,'auth0|alice','withdrawn by the stop of Alice A., 20:32:34 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984354987,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','8a37b6004329318e1acf2fa6118bc82b');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','d8b0d1dc9cd29badb5c84580e6f3a050b333330391ea7f9d6767bbfb218a93f2');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984352906');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984354882,'127.0.0.1:49170',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MG4VFBTJ80F4QK2SA2EN3T','saf',1795984354795,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984354923,1795986154795,NULL,'local',1,4250046151,NULL,1795984354882,1795984354906,1795984354923,'');
INSERT INTO "job" VALUES(2,'01M8MG4VFY882JTFAB0P4PZXBS','saf',1795984354814,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984354946,1795986154814,NULL,'local',1,250089158,NULL,1795984354882,NULL,1795984354946,'');
INSERT INTO "job" VALUES(3,'01M8MG4VGGW3FCXSZXJB3JFHXW','saf',1795984354832,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984354966,1795986154832,NULL,'local',1,2097516489,NULL,1795984354882,1795984354966,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MG4VHEKEJ6NF5JSFAHQRZ3','saf',1795984354862,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984354882,1795986154862,NULL,'local',1,719293900,NULL,1795984354882,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MG4VMX5KQQV0HPPE98A1X9','wema',1795984354973,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984354973,NULL,NULL,'local',0,1473153275,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MG4VN12SVQ0RJBE51XC50C','wema',1795984354977,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984354980,1795986154977,NULL,'local',0,1856473674,NULL,NULL,NULL,1795984354980,'withdrawn by the stop of Alice A., 20:32:34 UTC');
INSERT INTO "job" VALUES(7,'01M8MG4VN4KF41DSZ75K4RTQ30','wema',1795984354980,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984354980,NULL,NULL,'local',0,2700486467,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MG4VNBPFDDA0F0AC032ZE1','saf',1795984354987,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984354987,1795986154987,NULL,'local',0,43774378,NULL,NULL,NULL,NULL,'');
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE lockout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL,
    reason TEXT NOT NULL, since_ms BIGINT NOT NULL, until_ms BIGINT, ended_ms BIGINT,
    ended_by TEXT NOT NULL DEFAULT '');
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
INSERT INTO "poll" VALUES('saf','primary',1795984354881,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:32:32.582823');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:32:32.598568');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:32:32.605841');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:32:32.620970');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:32:32.632348');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:32:32.634062');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:32:32.634909');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:32:32.637084');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:32:32.649808');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:32:32.651684');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:32:32.658630');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:32:32.674061');
INSERT INTO "schema_migration" VALUES(13,'0013_observer_notes','2026-11-29 20:32:32.681908');
INSERT INTO "schema_migration" VALUES(14,'0014_notify','2026-11-29 20:32:32.695102');
INSERT INTO "schema_migration" VALUES(15,'0015_lockouts','2026-11-29 20:32:32.700542');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('2239889d906c17c1','auth0|alice','auth0|alice','[]','[]',1795984353716,1827520353716,'root',NULL);
INSERT INTO "token" VALUES('ca9a880052d18930','auth0|kim','auth0|kim','["admin"]','[]',1795984354598,1827520354598,'root',NULL);
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
CREATE INDEX lockout_open ON lockout (site) WHERE ended_ms IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',7);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',17);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

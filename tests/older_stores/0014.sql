BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984832029,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','351ca80dfe59d00127de1065997619a555619558c715a2cfcbec71e5b84b3a34');
INSERT INTO "audit" VALUES(2,1795984832408,'root','token use','operator','127.0.0.1:55952 token operator','','351ca80dfe59d00127de1065997619a555619558c715a2cfcbec71e5b84b3a34','0c365eba606b77b9794c3558f4ed04f5de700cf2414d57c2c23a9b5e5155b1e5');
INSERT INTO "audit" VALUES(3,1795984832408,'root','token create','1c457800522a4ea5','127.0.0.1:55952 token operator','for auth0|alice, roles [], sites []','0c365eba606b77b9794c3558f4ed04f5de700cf2414d57c2c23a9b5e5155b1e5','126e7bcab38c5645865c4c75ad432e2f9b50fc1b4011c2762834ffae3ab5a913');
INSERT INTO "audit" VALUES(4,1795984832838,'root','token create','fa60d6ffe1873a57','127.0.0.1:55966 token operator','for auth0|kim, roles [''admin''], sites []','126e7bcab38c5645865c4c75ad432e2f9b50fc1b4011c2762834ffae3ab5a913','c06cd9c3b3dbbd4d0b565c38c50b3b53c43958268fb67f6195efbd9551a3dfe6');
INSERT INTO "audit" VALUES(5,1795984832962,'auth0|kim','token use','fa60d6ffe1873a57','127.0.0.1:54148 token fa60d6ffe1873a57','','c06cd9c3b3dbbd4d0b565c38c50b3b53c43958268fb67f6195efbd9551a3dfe6','1138e98fbca399a0694d479368df8df738fa96673592f44ba906d682d6302503');
INSERT INTO "audit" VALUES(6,1795984832963,'auth0|kim','newjob','01M8MGKEE35WVWQG165E6DRTDD','127.0.0.1:54148 token fa60d6ffe1873a57','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','1138e98fbca399a0694d479368df8df738fa96673592f44ba906d682d6302503','4b091d3ccbae61ecb41abc7e7e50d7b7242c7c2db4883a1fc6de7f49f75843aa');
INSERT INTO "audit" VALUES(7,1795984832972,'auth0|kim','newjob','01M8MGKEEC7WDKJMMX4T5XG84A','127.0.0.1:54176 token fa60d6ffe1873a57','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','4b091d3ccbae61ecb41abc7e7e50d7b7242c7c2db4883a1fc6de7f49f75843aa','d7ac44dcf3040929a0e000d51b2ec9c5f97e84497598564a5860f943b9446600');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984832917,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984832925,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984832931,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984832934,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984832940,'127.0.0.1:56018','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984832940,'127.0.0.1:56018','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984832940,'127.0.0.1:56018','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984832940,'127.0.0.1:56018','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984832942,'127.0.0.1:54124','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984832948,'127.0.0.1:54126','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984832951,'127.0.0.1:54142','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984832957,'127.0.0.1:54144','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984832963,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984832970,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984832972,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984832973,'auth0|alice','withdrawn by the stop of Alice A., 20:40:32 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984832976,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','8f1d562333adf529111ca836fa44faba');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','d19bac1946742c4af9f61fe1897473c616ddc45d2db25bfca7595072a3637fd1');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984832029');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984832940,'127.0.0.1:56018',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MGKECNTYYR796JD3SCARPY','saf',1795984832917,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984832948,1795986632917,NULL,'local',1,3258622549,NULL,1795984832940,1795984832942,1795984832948,'');
INSERT INTO "job" VALUES(2,'01M8MGKECXA8QAZJ4TTH34X33H','saf',1795984832925,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984832951,1795986632925,NULL,'local',1,2781247573,NULL,1795984832940,NULL,1795984832951,'');
INSERT INTO "job" VALUES(3,'01M8MGKED335XJ1YEP1ATJM9KX','saf',1795984832931,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984832957,1795986632931,NULL,'local',1,682154477,NULL,1795984832940,1795984832957,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MGKED6WW5AVTV9Q0QX9NXZ','saf',1795984832934,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984832940,1795986632934,NULL,'local',1,3274148915,NULL,1795984832940,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MGKEE35WVWQG165E6DRTDD','wema',1795984832963,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984832963,NULL,NULL,'local',0,3038991590,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MGKEEA02Y6T92N692B9VPT','wema',1795984832970,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984832973,1795986632970,NULL,'local',0,3919627013,NULL,NULL,NULL,1795984832973,'withdrawn by the stop of Alice A., 20:40:32 UTC');
INSERT INTO "job" VALUES(7,'01M8MGKEEC7WDKJMMX4T5XG84A','wema',1795984832972,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984832972,NULL,NULL,'local',0,1648746657,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MGKEEGN1XC5AJKFAJ4FHWQ','saf',1795984832976,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984832976,1795986632976,NULL,'local',0,2864889329,NULL,NULL,NULL,NULL,'');
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
INSERT INTO "poll" VALUES('saf','primary',1795984832940,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:40:31.911326');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:40:31.915386');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:40:31.920205');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:40:31.923910');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:40:31.930597');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:40:31.931930');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:40:31.933733');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:40:31.935777');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:40:31.937336');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:40:31.939292');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:40:31.941751');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:40:31.947891');
INSERT INTO "schema_migration" VALUES(13,'0013_observer_notes','2026-11-29 20:40:31.948587');
INSERT INTO "schema_migration" VALUES(14,'0014_notify','2026-11-29 20:40:31.951278');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('1c457800522a4ea5','auth0|alice','auth0|alice','[]','[]',1795984832408,2111344832408,'root',NULL);
INSERT INTO "token" VALUES('fa60d6ffe1873a57','auth0|kim','auth0|kim','["admin"]','[]',1795984832834,2111344832834,'root',NULL);
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

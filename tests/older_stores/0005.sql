BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795980626578,'operator','token use','operator','127.0.0.1:44688 token operator','','0000000000000000000000000000000000000000000000000000000000000000','2f728e739dce3a528b0e4457df005eceee2ff0cbac50f17b5b6dceb97d8e8f08');
INSERT INTO "audit" VALUES(2,1795980626579,'operator','token create','aa8914aeacf988aa','127.0.0.1:44688 token operator','for auth0|alice, roles [], sites []','2f728e739dce3a528b0e4457df005eceee2ff0cbac50f17b5b6dceb97d8e8f08','33ace60704724a998e3a504fb5edfefe6602f164281450e46403018b90f4c770');
INSERT INTO "audit" VALUES(3,1795980626953,'operator','token create','9cea3ce0d5cb83f0','127.0.0.1:44698 token operator','for auth0|kim, roles [''admin''], sites []','33ace60704724a998e3a504fb5edfefe6602f164281450e46403018b90f4c770','46fcc0c52b818c7a99705de3a10650921b169207797787bb011c7d5cb93c232d');
INSERT INTO "audit" VALUES(4,1795980627020,'auth0|kim','token use','9cea3ce0d5cb83f0','127.0.0.1:44776 token 9cea3ce0d5cb83f0','','46fcc0c52b818c7a99705de3a10650921b169207797787bb011c7d5cb93c232d','8d3c7900e50ed3a3d1b55bda5951aa41a2e85b546d6fb0942a328053787c6546');
INSERT INTO "audit" VALUES(5,1795980627021,'auth0|kim','newjob','01M8MCK32CK10ZHE51JZQASJXY','127.0.0.1:44776 token 9cea3ce0d5cb83f0','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','8d3c7900e50ed3a3d1b55bda5951aa41a2e85b546d6fb0942a328053787c6546','9e6337d53778f330641fb0e78f26ef5987fb3b413cd6689c9958fdecbfe25c7e');
INSERT INTO "audit" VALUES(6,1795980627025,'auth0|kim','newjob','01M8MCK32H3PRAESX142VWF8VV','127.0.0.1:44802 token 9cea3ce0d5cb83f0','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','9e6337d53778f330641fb0e78f26ef5987fb3b413cd6689c9958fdecbfe25c7e','34e4a047d17cbbc183b40d751a35dad1b98e841b3b2bb5e48a1c72dad7bc752d');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795980627003,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795980627005,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795980627007,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795980627009,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795980627011,'127.0.0.1:44738','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795980627011,'127.0.0.1:44738','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795980627011,'127.0.0.1:44738','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795980627011,'127.0.0.1:44738','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795980627014,'127.0.0.1:44744','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795980627015,'127.0.0.1:44746','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795980627017,'127.0.0.1:44750','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795980627019,'127.0.0.1:44766','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795980627020,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795980627022,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,5,'wema','primary','CANCELLED',NULL,1795980627024,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(16,6,'wema','primary','CANCELLED',NULL,1795980627024,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(17,5,'wema','alternate','CANCELLED',NULL,1795980627024,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(18,6,'wema','alternate','CANCELLED',NULL,1795980627024,'auth0|alice','cancel_all_commands',NULL);
INSERT INTO "change" VALUES(19,7,'wema','both','UNREAD',NULL,1795980627024,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(20,8,'saf','both','UNREAD',NULL,1795980627027,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','f4e4a55ade305ad5e6b9d35665740b9c');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','47f125184625fdfb3ef7525a073f99045da0c23d8dd13da727b7c2b44a66ff3d');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL);
INSERT INTO "handout" VALUES(1,'saf','primary',1795980627011,'127.0.0.1:44738',NULL,NULL,NULL,'CONFIRMED',0);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT);
INSERT INTO "job" VALUES(1,'01M8MCK31VP4QT0W6VQSMWGC6C','saf',1795980627003,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795980627015,1795982427003,NULL,'local',1,3067189904,NULL,1795980627011,1795980627014,1795980627015);
INSERT INTO "job" VALUES(2,'01M8MCK31XREM9FDXCZGN33EM5','saf',1795980627005,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795980627017,1795982427005,NULL,'local',1,3027788872,NULL,1795980627011,NULL,1795980627017);
INSERT INTO "job" VALUES(3,'01M8MCK31ZFDSB59YXMR0BKTBC','saf',1795980627007,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795980627019,1795982427007,NULL,'local',1,1676917705,NULL,1795980627011,1795980627019,NULL);
INSERT INTO "job" VALUES(4,'01M8MCK321TD66R06B5QC8R6KJ','saf',1795980627009,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795980627011,1795982427009,NULL,'local',1,1586203564,NULL,1795980627011,NULL,NULL);
INSERT INTO "job" VALUES(5,'01M8MCK32CK10ZHE51JZQASJXY','wema',1795980627020,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980627024,NULL,NULL,'local',0,1324873681,NULL,NULL,NULL,1795980627024);
INSERT INTO "job" VALUES(6,'01M8MCK32E3SF04CD3F39DQXHH','wema',1795980627022,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795980627024,1795982427022,NULL,'local',0,3517112259,NULL,NULL,NULL,1795980627024);
INSERT INTO "job" VALUES(7,'01M8MCK32H3PRAESX142VWF8VV','wema',1795980627025,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980627024,NULL,NULL,'local',0,4212937297,NULL,NULL,NULL,NULL);
INSERT INTO "job" VALUES(8,'01M8MCK32KR6TZZBG6G007N6ZM','saf',1795980627027,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795980627027,1795982427027,NULL,'local',0,4120480830,NULL,NULL,NULL,NULL);
CREATE TABLE lease (
    job_seq INTEGER NOT NULL, queue TEXT NOT NULL, lease_s INTEGER NOT NULL, handed_ms BIGINT NOT NULL,
    PRIMARY KEY (job_seq, queue));
CREATE TABLE poll (
    site TEXT NOT NULL, queue TEXT NOT NULL, last_ms BIGINT NOT NULL, usual_gap_ms INTEGER,
    PRIMARY KEY (site, queue));
INSERT INTO "poll" VALUES('saf','primary',1795980627011,NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 19:30:26.222001');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 19:30:26.222923');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 19:30:26.223569');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 19:30:26.224305');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 19:30:26.225567');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('aa8914aeacf988aa','auth0|alice','auth0|alice','[]','[]',1795980626578,1827516626578,'operator',NULL);
INSERT INTO "token" VALUES('9cea3ce0d5cb83f0','auth0|kim','auth0|kim','["admin"]','[]',1795980626953,1827516626953,'operator',NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',6);
INSERT INTO "sqlite_sequence" VALUES('job',8);
INSERT INTO "sqlite_sequence" VALUES('change',20);
INSERT INTO "sqlite_sequence" VALUES('handout',1);
COMMIT;

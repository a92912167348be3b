BEGIN TRANSACTION;
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, site TEXT NOT NULL,
    ulid TEXT NOT NULL, sentence TEXT NOT NULL, since_ms BIGINT NOT NULL, raised_ms BIGINT NOT NULL,
    cleared_ms BIGINT, seen_by TEXT, seen_ms BIGINT, loud SMALLINT NOT NULL);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    target TEXT NOT NULL, where_from TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
    hash TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1795984342470,'operator','login link made','staff','command line','','0000000000000000000000000000000000000000000000000000000000000000','1ab8d335688b5eff1b02e689e892b2c1ff9dede5bc398a1555e1698cd1e7267f');
INSERT INTO "audit" VALUES(2,1795984343075,'root','token use','operator','127.0.0.1:38216 token operator','','1ab8d335688b5eff1b02e689e892b2c1ff9dede5bc398a1555e1698cd1e7267f','e98604c6fff6207f783053a9fc99a3e41b18f3cfc77935c3a2c0ae83afd2f9fb');
INSERT INTO "audit" VALUES(3,1795984343080,'root','token create','738ee5572919cfe2','127.0.0.1:38216 token operator','for auth0|alice, roles [], sites []','e98604c6fff6207f783053a9fc99a3e41b18f3cfc77935c3a2c0ae83afd2f9fb','c3fa6b3a9af1c8176c21ecdee6715bbc283fc045112567d717402f2d4363cd84');
INSERT INTO "audit" VALUES(4,1795984343945,'root','token create','82f30a32bf65adc9','127.0.0.1:38232 token operator','for auth0|kim, roles [''admin''], sites []','c3fa6b3a9af1c8176c21ecdee6715bbc283fc045112567d717402f2d4363cd84','97e7d853e2a3b8b10604578d8658f2d1444ab41763628f42f943a7814bd138d5');
INSERT INTO "audit" VALUES(5,1795984344346,'auth0|kim','token use','82f30a32bf65adc9','127.0.0.1:38310 token 82f30a32bf65adc9','','97e7d853e2a3b8b10604578d8658f2d1444ab41763628f42f943a7814bd138d5','a7942a1d483a7e220daeb356693a1930860f33dfd74076d40ef79383c89b33cc');
INSERT INTO "audit" VALUES(6,1795984344346,'auth0|kim','newjob','01M8MG4H8TT2DX5XSANJ7MCS3R','127.0.0.1:38310 token 82f30a32bf65adc9','wema mount mount1 park in the name of auth0|alice {"time": "1", "image_type": "light"}','a7942a1d483a7e220daeb356693a1930860f33dfd74076d40ef79383c89b33cc','f3add105e83716134b17054bc95216389352dd7a4872ac1d8f3521b309fcdfeb');
INSERT INTO "audit" VALUES(7,1795984344371,'auth0|kim','newjob','01M8MG4H9KEC8WKA7WGQV3VG52','127.0.0.1:38330 token 82f30a32bf65adc9','wema screen s cancel_all_commands in the name of auth0|alice {"time": "1", "image_type": "light"}','f3add105e83716134b17054bc95216389352dd7a4872ac1d8f3521b309fcdfeb','020cc3d5b6f95470a5d4210b391aac0e5fe878204bdb98d7276f2d2cb4593c51');
CREATE TABLE calendar_answer (site TEXT PRIMARY KEY, answered_ms BIGINT NOT NULL);
CREATE TABLE change (
    seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, queue TEXT NOT NULL,
    status TEXT NOT NULL, estimate_s INTEGER, time_ms BIGINT NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
    handout_id INTEGER);
INSERT INTO "change" VALUES(1,1,'saf','both','UNREAD',NULL,1795984344169,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(2,2,'saf','both','UNREAD',NULL,1795984344191,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(3,3,'saf','both','UNREAD',NULL,1795984344209,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(4,4,'saf','both','UNREAD',NULL,1795984344228,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(5,1,'saf','primary','RECEIVED',NULL,1795984344248,'127.0.0.1:38286','',1);
INSERT INTO "change" VALUES(6,2,'saf','primary','RECEIVED',NULL,1795984344248,'127.0.0.1:38286','',1);
INSERT INTO "change" VALUES(7,3,'saf','primary','RECEIVED',NULL,1795984344248,'127.0.0.1:38286','',1);
INSERT INTO "change" VALUES(8,4,'saf','primary','RECEIVED',NULL,1795984344248,'127.0.0.1:38286','',1);
INSERT INTO "change" VALUES(9,1,'saf','primary','STARTED',60,1795984344276,'127.0.0.1:38290','',NULL);
INSERT INTO "change" VALUES(10,1,'saf','primary','COMPLETE',60,1795984344290,'127.0.0.1:38300','',NULL);
INSERT INTO "change" VALUES(11,2,'saf','primary','FAILED',60,1795984344309,'127.0.0.1:38302','',NULL);
INSERT INTO "change" VALUES(12,3,'saf','primary','EXPOSING',60,1795984344329,'127.0.0.1:38308','',NULL);
INSERT INTO "change" VALUES(13,5,'wema','both','UNREAD',NULL,1795984344346,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(14,6,'wema','both','UNREAD',NULL,1795984344355,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(15,7,'wema','both','UNREAD',NULL,1795984344371,'auth0|alice','',NULL);
INSERT INTO "change" VALUES(16,6,'wema','both','CANCELLED',NULL,1795984344372,'auth0|alice','withdrawn by the stop of Alice A., 20:32:24 UTC',NULL);
INSERT INTO "change" VALUES(17,8,'saf','both','UNREAD',NULL,1795984344398,'auth0|alice','',NULL);
CREATE TABLE cloud_job (
    ulid TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, job_seq INTEGER NOT NULL UNIQUE, state TEXT NOT NULL,
    pushed_seq INTEGER NOT NULL, repairs INTEGER NOT NULL DEFAULT 0, parked TEXT, parked_ms BIGINT);
CREATE TABLE cloud_site (site TEXT NOT NULL PRIMARY KEY, low_ms BIGINT NOT NULL, cancel_ulid TEXT);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "fact" VALUES('identity','32e8212551a0fdbdd99ddfaa7f39861f');
INSERT INTO "fact" VALUES('running','no');
INSERT INTO "fact" VALUES('login_key','0435c78a23d1f45ccf103130fbb194d0e776cf0301430bed0627608286a8bd64');
INSERT INTO "fact" VALUES('login_user','{"user_id":"staff","user_name":"Staff"}');
INSERT INTO "fact" VALUES('login_made_ms','1795984342470');
INSERT INTO "fact" VALUES('welcomed','yes');
CREATE TABLE handout (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, time_ms BIGINT NOT NULL,
    peer TEXT NOT NULL, poll_id TEXT, gap_ms INTEGER, lease_s INTEGER, state TEXT NOT NULL,
    maybe_flushed SMALLINT NOT NULL, asked_for TEXT NOT NULL DEFAULT '');
INSERT INTO "handout" VALUES(1,'saf','primary',1795984344248,'127.0.0.1:38286',NULL,NULL,NULL,'CONFIRMED',0,'');
CREATE TABLE job (
    seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL,
    created_ms BIGINT NOT NULL, device TEXT NOT NULL, instance TEXT NOT NULL, action TEXT NOT NULL,
    command_class TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL, user_roles TEXT NOT NULL,
    required_params TEXT NOT NULL, optional_params TEXT NOT NULL, status TEXT NOT NULL, estimate_s INTEGER,
    alternate_status TEXT NOT NULL, alternate_estimate_s INTEGER, changed_ms BIGINT NOT NULL,
    expires_ms BIGINT, again_of TEXT, origin TEXT NOT NULL, attempts INTEGER NOT NULL,
    checksum BIGINT NOT NULL, idempotency_key TEXT, picked_up_ms BIGINT, started_ms BIGINT, ended_ms BIGINT, note TEXT NOT NULL DEFAULT '');
INSERT INTO "job" VALUES(1,'01M8MG4H390VW6BW0NWCW0X262','saf',1795984344169,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "0"}','{"bin": "1,1", "count": 1}','COMPLETE',60,'UNREAD',NULL,1795984344290,1795986144169,NULL,'local',1,4022727185,NULL,1795984344248,1795984344276,1795984344290,'');
INSERT INTO "job" VALUES(2,'01M8MG4H3ZZNMFQ3N0V2BN556E','saf',1795984344191,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1"}','{"bin": "1,1", "count": 1}','FAILED',60,'UNREAD',NULL,1795984344309,1795986144191,NULL,'local',1,3876302017,NULL,1795984344248,NULL,1795984344309,'');
INSERT INTO "job" VALUES(3,'01M8MG4H4H8AA50RCE4NSXMDVD','saf',1795984344209,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "2"}','{"bin": "1,1", "count": 1}','EXPOSING',60,'UNREAD',NULL,1795984344329,1795986144209,NULL,'local',1,1204425202,NULL,1795984344248,1795984344329,NULL,'');
INSERT INTO "job" VALUES(4,'01M8MG4H54WZ01E2YKR2C2T7QF','saf',1795984344228,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "3"}','{"bin": "1,1", "count": 1}','RECEIVED',NULL,'UNREAD',NULL,1795984344248,1795986144228,NULL,'local',1,3762398035,NULL,1795984344248,NULL,NULL,'');
INSERT INTO "job" VALUES(5,'01M8MG4H8TT2DX5XSANJ7MCS3R','wema',1795984344346,'mount','mount1','park','park','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984344346,NULL,NULL,'local',0,2825681465,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(6,'01M8MG4H9304FMYVEVKQP0HSC7','wema',1795984344355,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','CANCELLED',NULL,'CANCELLED',NULL,1795984344372,1795986144355,NULL,'local',0,306142645,NULL,NULL,NULL,1795984344372,'withdrawn by the stop of Alice A., 20:32:24 UTC');
INSERT INTO "job" VALUES(7,'01M8MG4H9KEC8WKA7WGQV3VG52','wema',1795984344371,'screen','s','cancel_all_commands','stop','auth0|alice','Alice A.','["admin"]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984344371,NULL,NULL,'local',0,2948252067,NULL,NULL,NULL,NULL,'');
INSERT INTO "job" VALUES(8,'01M8MG4HAEVHKRPJCVCVQKQM53','saf',1795984344398,'camera','camera1','expose','exposure','auth0|alice','Alice A.','[]','{"time": "1", "image_type": "light"}','{"bin": "1,1", "count": 1}','UNREAD',NULL,'UNREAD',NULL,1795984344398,1795986144398,NULL,'local',0,1472604409,NULL,NULL,NULL,NULL,'');
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
INSERT INTO "poll" VALUES('saf','primary',1795984344246,NULL);
CREATE TABLE removed_site (
    site TEXT NOT NULL PRIMARY KEY, removed_ms BIGINT NOT NULL, removed_by TEXT NOT NULL);
CREATE TABLE reservation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL,
    start_ms BIGINT NOT NULL, end_ms BIGINT NOT NULL, creator_id TEXT NOT NULL, creator TEXT NOT NULL,
    title TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_first','2026-11-29 20:32:22.280310');
INSERT INTO "schema_migration" VALUES(2,'0002_reservations','2026-11-29 20:32:22.281268');
INSERT INTO "schema_migration" VALUES(3,'0003_audit','2026-11-29 20:32:22.281985');
INSERT INTO "schema_migration" VALUES(4,'0004_cloud','2026-11-29 20:32:22.289993');
INSERT INTO "schema_migration" VALUES(5,'0005_monitor','2026-11-29 20:32:22.299217');
INSERT INTO "schema_migration" VALUES(6,'0006_site_stops','2026-11-29 20:32:22.310583');
INSERT INTO "schema_migration" VALUES(7,'0007_stops','2026-11-29 20:32:22.313938');
INSERT INTO "schema_migration" VALUES(8,'0008_notes','2026-11-29 20:32:22.318594');
INSERT INTO "schema_migration" VALUES(9,'0009_make_safe','2026-11-29 20:32:22.322639');
INSERT INTO "schema_migration" VALUES(10,'0010_removed_sites','2026-11-29 20:32:22.336394');
INSERT INTO "schema_migration" VALUES(11,'0011_fewer_pages','2026-11-29 20:32:22.338659');
INSERT INTO "schema_migration" VALUES(12,'0012_asked_for','2026-11-29 20:32:22.342643');
INSERT INTO "schema_migration" VALUES(13,'0013_observer_notes','2026-11-29 20:32:22.346617');
CREATE TABLE token (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, user_name TEXT NOT NULL, roles TEXT NOT NULL, sites TEXT NOT NULL,
    created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, created_by TEXT NOT NULL, revoked_ms BIGINT);
INSERT INTO "token" VALUES('738ee5572919cfe2','auth0|alice','auth0|alice','[]','[]',1795984343076,1827520343076,'root',NULL);
INSERT INTO "token" VALUES('82f30a32bf65adc9','auth0|kim','auth0|kim','["admin"]','[]',1795984343945,1827520343945,'root',NULL);
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

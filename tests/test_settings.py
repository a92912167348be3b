"""One table of settings: file < environment < flags; what is unknown or wrong is refused by name."""

import re

import pytest

from prjobs.base.errors import Unusable
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings, reference, retired_sentences


def test_it_works(tmp_path):
    (tmp_path / "prjobs.toml").write_text("port = 1000\nkeep_days = 3\n[expire]\nmotion_s = 5\n")
    settings, origins = load_settings(tmp_path, {"PRJOBS_PORT": "2000", "PRJOBS_THREADS": "9"}, {"port": "3000"})
    assert (settings.port, settings.threads, settings.keep_days, settings.expire_motion_s) == (3000, 9, 3, 5)
    assert [origins[name].source for name in ("port", "threads", "backup_keep")] == [
        "--port",
        "PRJOBS_THREADS",
        "default",
    ]
    assert origins["keep_days"].source.endswith("prjobs.toml")


def test_lists_may_be_written_with_commas(tmp_path):
    settings, _ = load_settings(tmp_path, {"PRJOBS_ALLOWED_HOSTS": "a.example, b.example"}, {"allowed_origins": ""})
    assert (settings.allowed_hosts, settings.allowed_origins) == (["a.example", "b.example"], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot. Is port meant?"),
        ("[web]\nport = 1", "web_port. Is port meant?"),
        ("[server]\nprot = 1", "prot. Is port meant?"),
        ("[server]\nport = 1\n[prjobs]\nport = 2", "port is set twice"),
        ('port = 1\noidc_certificate = "C:\\Users\\ann\\a.pem"', "in single quotes, 'C:\\file.pem'."),
        ('oidc_certificate = "C:\\new\\temp.pem"', "oidc_certificate has a control character. A backslash"),
        ('cloud_ca_file = "C:\\certificates\\"', "in single quotes"),
        ('[cloud]\ntoken_file = "D:\\program files\\x"', "in single quotes"),
        ("nothing_like_it = 1", "nothing_like_it. `prjobs settings`"),
        ('reservations = "calendar"', "calendar_url is empty"),
        ("port = 70000", "port"),
        ('port = "x"', "port"),
        ("[expire]\nmotoin_s = 1", "expire_motoin_s. Is expire_motion_s meant?"),
        ('observatory_access = "all"', "observatory_access must be one of loopback, token, open; 'all' came."),
        ("[cloud]\nmode = 3", "cloud_mode must be one of off, primary, standby, shadow; '3' came."),
        ("port = ", "prjobs.toml"),
        ("threads = true", "threads"),
    ],
)
def test_a_wrong_file_is_refused_with_the_name(tmp_path, text, said):
    (tmp_path / "prjobs.toml").write_text(text)
    with pytest.raises(Unusable, match=re.escape(said)):
        load_settings(tmp_path, {})


def test_a_mistake_without_a_backslash_gets_no_advice_on_paths(tmp_path):
    (tmp_path / "prjobs.toml").write_text("cloud_ca_file = 'C:\\x'\nport = \n")
    with pytest.raises(Unusable) as refused:
        load_settings(tmp_path, {})
    assert "line 2" in str(refused.value) and "single quotes" not in str(refused.value)


def test_a_table_named_server_holds_settings_by_their_own_names(tmp_path):
    (tmp_path / "prjobs.toml").write_text(
        "[server]\nport = 9000\nhost = '127.0.0.2'\n[cloud]\nca_file = 'C:\\new.pem'\n"
    )
    settings, _ = load_settings(tmp_path, {})
    assert (settings.port, settings.host) == (9000, "127.0.0.2")
    assert settings.cloud_ca_file == str(tmp_path / "C:\\new.pem")


def test_a_setting_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "prjobs.toml").write_text('cloud_mode = "off"\n[cloud]\nmode = "primary"\n')
    with pytest.raises(Unusable, match="cloud_mode is set twice"):
        load_settings(tmp_path, {})


def test_files_that_the_settings_file_names_lie_beside_it(tmp_path):
    (tmp_path / "prjobs.toml").write_text('oidc_certificate = "auth0.pem"\n[cloud]\ntoken_file = "/run/token"\n')
    settings, origins = load_settings(tmp_path, {"PRJOBS_CLOUD_CA_FILE": "ca.pem"})
    assert settings.oidc_certificate == str(tmp_path / "auth0.pem") == origins["oidc_certificate"].value
    assert (settings.cloud_token_file, settings.cloud_ca_file) == ("/run/token", "ca.pem")


def test_an_unknown_variable_is_refused_but_others_have_the_prefix_by_right(tmp_path):
    load_settings(tmp_path, {"PRJOBS_DATA": "x", "PRJOBS_TOKEN": "y", "PATH": "z"})
    with pytest.raises(Unusable, match="PRJOBS_PROT"):
        load_settings(tmp_path, {"PRJOBS_PROT": "1"})


def test_a_retired_setting_is_accepted_and_said(tmp_path):
    (tmp_path / "prjobs.toml").write_text("held_share = 0.9\nport = 1000\n")
    settings, origins = load_settings(tmp_path, {})
    (sentence,) = retired_sentences(origins)
    assert sentence.startswith(f"{tmp_path / 'prjobs.toml'}: the setting held_share has no effect")
    assert (settings.port, retired_sentences(load_settings(tmp_path / "none", {})[1])) == (1000, [])
    assert retired_sentences(load_settings(tmp_path, {}, {"held_share": "x"})[1])[0].startswith("--held-share: ")


def test_a_server_with_a_retired_setting_starts_and_says_so(program):
    program.serve("--held-share", "0.5")
    program.stop()
    log = (program.data / "logs" / "prjobs.log").read_text(encoding="utf-8")
    assert "the setting held_share has no effect" in log


def test_every_setting_has_a_description_and_a_class_an_expiry():
    from prjobs.base.catalogue import CLASSES

    assert all(description for _, _, description in reference())
    assert {name: Settings().expiry_s(name) for name in ("stop", "close", "park", "motion")} == {
        "stop": 0,
        "close": 0,
        "park": 0,
        "motion": 600,
    }
    assert all(Settings().expiry_s(name) >= 0 for name in CLASSES)

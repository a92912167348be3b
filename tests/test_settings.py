"""One table of settings: file < environment < flags; what is unknown or wrong is refused by name."""

import re

import pytest

from prjobs.base.errors import Unusable
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings, reference


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
        ("[server]\nport = 1", "server_port. Is port meant?"),
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

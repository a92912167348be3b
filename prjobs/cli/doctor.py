"""`prjobs doctor`."""

import sys
from pathlib import Path

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.base.progress import shown_on
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, print_json
from prjobs.upkeep import doctor
from prjobs.upkeep.findings import WRONG


def add_doctor(doctoring: Parser) -> None:
    """Declare `doctor`."""
    add_data(doctoring)
    doctoring.add_argument("--deep", action="store_true", help="check the whole file and every job in it")
    doctoring.add_argument("--json", action="store_true", help="one JSON object")
    doctoring.add_argument(
        "--bundle", type=Path, metavar="FILE", help="write a zip file for somebody who helps, without secrets and names"
    )
    doctoring.add_argument("--with-names", action="store_true", help="keep the names of users in the bundle")
    doctoring.set_defaults(run=run_doctor)


def run_doctor(asked: Namespace) -> int:
    """Print the findings; return 1 if one of the findings is WRONG. With --bundle, write a file instead."""
    if asked.bundle:
        return _run_bundle(asked)
    if asked.with_names:
        raise Unusable("--with-names is for the file of --bundle: give both.")
    with shown_on(sys.stderr):
        findings = doctor.examine(folder_of(asked), Clock(), asked.deep)
    is_well = all(finding.level != WRONG for finding in findings)
    if asked.json:
        print_json({"ok": is_well, "findings": msgspec.to_builtins(findings)})
    else:
        for finding in findings:
            print(marked(f"{finding.level:5}  {finding.sentence}"))
        if not is_well:
            print('The page "When something is wrong" of the manual has more: /manual/trouble of a running server.')
    return 0 if is_well else 1


def _run_bundle(asked: Namespace) -> int:
    # Imported late: the bundle needs the versions of all packages and HTTP.
    from prjobs.upkeep import bundle

    with shown_on(sys.stderr):
        wish = bundle.Wish(deep=asked.deep, with_names=asked.with_names)
        contents = bundle.write_bundle(folder_of(asked), asked.bundle, Clock(), wish)
    if asked.json:
        print_json({"bundle": str(asked.bundle), "contents": contents})
        return 0
    print(f"{asked.bundle} is written. Look into it before you send it. It contains:")
    for name, text in contents.items():
        print(f"  {name:15} {text}")
    print(bundle.WITH_NAMES if asked.with_names else bundle.WITHOUT_NAMES)
    return 0

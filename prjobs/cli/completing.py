"""`prjobs completion`: a script for the shell, made from the parser, that completes commands, options and choices."""

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prjobs.cli.terminal import Namespace, Parser, add_data

NONE, ANY, FILE, FOLDER = "none", "any", "file", "folder"


class Value(NamedTuple):
    """The value of an option or argument: the kind (NONE for an option without a value), and the choices if limited."""

    kind: str
    choices: tuple[str, ...] = ()


class Option(NamedTuple):
    """An option of a command with all of its names."""

    names: tuple[str, ...]
    text: str
    value: Value


class Place(NamedTuple):
    """A command as typed, such as `prjobs token`, with the words that may follow."""

    at: str
    commands: dict[str, str]
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]

    @property
    def choices(self) -> list[str]:
        """Return the words to which arguments are limited."""
        return [word for value in self.arguments for word in value.choices]

    @property
    def takes_files(self) -> bool:
        """Return True if an argument is a file."""
        return any(value.kind == FILE for value in self.arguments)


def add_completion(completing: Parser) -> None:
    """Declare `completion`. Scripts may give every command --data."""
    add_data(completing)
    completing.add_argument("shell", choices=tuple(SCRIPTS), help="where the script goes: Install in the manual")
    completing.set_defaults(run=run_completion)


def run_completion(asked: Namespace) -> None:
    """Print the script."""
    # Imported late: the list of commands imports the module of the called command.
    from prjobs.cli.commands import build_parser

    print(SCRIPTS[asked.shell](list(places("prjobs", build_parser()))))


def places(at: str, parser: Parser) -> Iterator[Place]:
    """Yield the parser and the parsers of all commands and actions below."""
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    inner = [action for action in shown if isinstance(action, argparse._SubParsersAction)]
    commands = {choice.dest: choice.help or "" for action in inner for choice in action._choices_actions}
    named = (action for action in shown if action.option_strings)
    options = tuple(Option(tuple(one.option_strings), _text(one), _value(one)) for one in named)
    arguments = tuple(_value(one) for one in shown if not one.option_strings and one not in inner)
    yield Place(at, commands, options, arguments)
    for action in inner:
        for word, child in action.choices.items():
            yield from places(f"{at} {word}", child)


def _text(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")


def _value(action: argparse.Action) -> Value:
    if action.nargs == 0:
        return Value(NONE)
    choices = tuple(str(choice) for choice in action.choices or ())
    if action.metavar == "DIR":
        return Value(FOLDER)
    return Value(FILE if action.type is Path else ANY, choices)


# ---- what the scripts share


def _known(found: list[Place]) -> list[str]:
    """Return the commands and actions as typed, with the words before."""
    return [place.at for place in found if " " in place.at]


def _valued(found: list[Place]) -> Iterator[tuple[str, Option]]:
    """Yield each name of an option that takes a value, with the command before, and the option."""
    for place in found:
        for option in place.options:
            if option.value.kind != NONE:
                yield from ((f"{place.at} {name}", option) for name in option.names)


def _sh(text: str) -> str:
    r"""Return the text quoted for a POSIX shell."""
    return "'" + text.replace("'", r"'\''") + "'"


def _arms(arms: Iterable[tuple[Iterable[str], str]]) -> str:
    """Return arms of `case` for the patterns that have any."""
    lines = (f"        {'|'.join(map(_sh, patterns))}) {act};;" for patterns, act in arms if patterns)
    return "\n".join(lines) or "        '') ;;"


def _value_arms(found: list[Place], acts: dict[str, str], choose: str) -> str:
    """Return the arms that offer files, folders or the choices of an option."""
    valued = list(_valued(found))
    arms = [([name for name, option in valued if option.value.kind == kind], act) for kind, act in acts.items()]
    chosen = [([name], f"{choose} {' '.join(option.value.choices)}") for name, option in valued if option.value.choices]
    return _arms([*arms, *chosen])


# ---- bash

_BASH = """\
# Completion of prjobs for bash, made by `prjobs completion bash`.
_prjobs() {
    local IFS=$'\\n' at=prjobs skip='' word i typed="${COMP_WORDS[COMP_CWORD]}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        # bash makes three words of --data=DIR.
        [[ $word == '=' ]] && continue
        if [[ -n $skip ]]; then skip=''; continue; fi
        case "$at $word" in
@KNOWN@
        esac
    done
    [[ $typed == '=' ]] && typed=''
    COMPREPLY=()
    if [[ -n $skip ]]; then
        case "$at $skip" in
@VALUES@
        esac
        return
    fi
    case "$at" in
@WORDS@
    esac
}
_prjobs_words() { typed="$1"; shift; COMPREPLY+=($(compgen -W "$*" -- "$typed")); }
_prjobs_files() { compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen "$1" -- "$2")); }
complete -F _prjobs prjobs
"""


def bash(found: list[Place]) -> str:
    """Return the script for bash."""
    known = _arms([(_known(found), 'at="$at $word"'), ([name for name, _ in _valued(found)], 'skip="$word"')])
    files, folders, words = '_prjobs_files -f "$typed"', '_prjobs_files -d "$typed"', '_prjobs_words "$typed"'
    offered = []
    for place in found:
        names = [*place.commands, *place.choices, *(name for option in place.options for name in option.names)]
        act = f"{words} {' '.join(names)}"
        offered.append(([place.at], f"{act}; {files}" if place.takes_files else act))
    parts = {"KNOWN": known, "VALUES": _value_arms(found, {FILE: files, FOLDER: folders}, words)}
    return _filled(_BASH, {**parts, "WORDS": _arms(offered)})


def _filled(script: str, parts: dict[str, str]) -> str:
    for name, text in parts.items():
        script = script.replace(f"@{name}@", text)
    return script.rstrip()


# ---- zsh

_ZSH = """\
#compdef prjobs
# Completion of prjobs for zsh, made by `prjobs completion zsh`.
_prjobs() {
    local at=prjobs skip='' word i
    local -a commands options
    for ((i = 2; i < CURRENT; i++)); do
        word="${words[i]}"
        if [[ -n $skip ]]; then skip=''; continue; fi
        case "$at $word" in
@KNOWN@
        esac
    done
    if [[ ${words[CURRENT]} == --*=* ]]; then
        skip="${words[CURRENT]%%=*}"
        compset -P '*='
    fi
    if [[ -n $skip ]]; then
        case "$at $skip" in
@VALUES@
        esac
        return
    fi
    case "$at" in
@WORDS@
    esac
    (( $#commands )) && _describe -t commands command commands
    (( $#options )) && _describe -o -t options option options
}
if [[ ${funcstack[1]} == _prjobs ]]; then _prjobs "$@"; else compdef _prjobs prjobs; fi
"""


def zsh(found: list[Place]) -> str:
    """Return the script for zsh."""
    known = _arms([(_known(found), 'at="$at $word"'), ([name for name, _ in _valued(found)], 'skip="$word"')])
    offered = []
    for place in found:
        commands = [*place.commands.items(), *((word, "") for word in place.choices)]
        options = [(name, option.text) for option in place.options for name in option.names]
        act = f"commands=({_described(commands)}) options=({_described(options)})"
        offered.append(([place.at], f"{act}; _files" if place.takes_files else act))
    parts = {"KNOWN": known, "VALUES": _value_arms(found, {FILE: "_files", FOLDER: "_files -/"}, "compadd --")}
    return _filled(_ZSH, {**parts, "WORDS": _arms(offered)})


def _described(words: Iterable[tuple[str, str]]) -> str:
    return " ".join(_sh(f"{word}:{text}" if text else word) for word, text in words)


# ---- fish

_FISH = """\
# Completion of prjobs for fish, made by `prjobs completion fish`.
function __prjobs_at
    set -l at prjobs
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
            continue
        end
        switch "$at $word"
            case @KNOWN@
                set at "$at $word"
            case @VALUED@
                set skip yes
        end
    end
    test "$at" = "$argv[1]"
end
complete -c prjobs -f
@WORDS@
"""
_FISH_VALUES = {NONE: "", ANY: " -x", FILE: " -r -F", FOLDER: " -x -a '(__fish_complete_directories)'"}


def fish(found: list[Place]) -> str:
    """Return the script for fish."""
    lines = [line for place in found for line in _fish_lines(place)]
    known, valued = (" ".join(map(_fish_quoted, names)) for names in (_known(found), [n for n, _ in _valued(found)]))
    return _filled(_FISH, {"KNOWN": known, "VALUED": valued, "WORDS": "\n".join(lines)})


def _fish_lines(place: Place) -> Iterator[str]:
    where = f"complete -c prjobs -n {_fish_quoted(f'__prjobs_at {_fish_quoted(place.at)}')}"
    for word, text in [*place.commands.items(), *((word, "") for word in place.choices)]:
        yield f"{where} -a {word} -d {_fish_quoted(text)}"
    if place.takes_files:
        yield f"{where} -F"
    for option in place.options:
        names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
        choices = option.value.choices
        value = f" -x -a {_fish_quoted(' '.join(choices))}" if choices else _FISH_VALUES[option.value.kind]
        yield f"{where} {names}{value} -d {_fish_quoted(option.text)}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# ---- PowerShell

_POWERSHELL = """\
# Completion of prjobs for PowerShell, made by `prjobs completion powershell`.
Register-ArgumentCompleter -Native -CommandName prjobs -ScriptBlock {
    param($typed, $line, $position)
    $words = @{
@WORDS@
    }
    $values = @{
@VALUES@
    }
    $at = 'prjobs'
    $skip = ''
    $before = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position })
    for ($i = 1; $i -lt $before.Count; $i++) {
        $next = $at + ' ' + $before[$i].Extent.Text
        if ($skip) { $skip = '' }
        elseif ($words.ContainsKey($next)) { $at = $next }
        elseif ($values.ContainsKey($next)) { $skip = $next }
    }
    $offered = if ($skip) { $values[$skip] } else { $words[$at] }
    $offered | Where-Object { $_ -like ($typed + '*') } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""


def powershell(found: list[Place]) -> str:
    """Return the script for PowerShell, which offers files by itself where the script offers nothing."""
    words = []
    for place in found:
        names = [*place.commands, *place.choices, *(name for option in place.options for name in option.names)]
        words.append(f"        {_ps(place.at)} = @({', '.join(map(_ps, names))})")
    values = (f"        {_ps(name)} = @({', '.join(map(_ps, one.value.choices))})" for name, one in _valued(found))
    return _filled(_POWERSHELL, {"WORDS": "\n".join(words), "VALUES": "\n".join(values)})


def _ps(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SCRIPTS: dict[str, Callable[[list[Place]], str]] = {"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}

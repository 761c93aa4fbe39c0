"""`hublet-router completion`: what a shell completes after `hublet-router`."""

import argparse
import re
from collections.abc import Mapping

from . import explain, run
from .curl_words import FLAGS, VALUES
from .shared_options import Commands, add_command

SHELLS = ("bash", "zsh", "fish")

DESCRIPTION = """\
Print a script that completes commands, their long options, and files. For this shell:

  source <(hublet-router completion bash)
  hublet-router completion fish | source"""

# A word that does not begin with - is completed to a file: by `-o default`, and by fish itself.
_BASH = """\
_hublet_router() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} words=
    case $COMP_CWORD,${{COMP_WORDS[1]}},$word in
        1,*) words="{commands}" ;;
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _hublet_router hublet-router
"""
_CASE = '        *,{name},-*) words="{options}" ;;'
_ZSH = "autoload -Uz bashcompinit && bashcompinit\n"
_FISH = """\
complete -c hublet-router -f -n __fish_use_subcommand -a '{commands}'
{cases}
"""
_FISH_CASE = "complete -c hublet-router -n '__fish_seen_subcommand_from {name}' {options}"
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


def declare(commands: Commands) -> None:
    """Add the command."""
    summary = "a script for bash, zsh or fish that completes the words of this command"

    def call(options: argparse.Namespace) -> int:
        return _print(options.shell, commands.choices)

    add_command(commands, "completion", call, summary, DESCRIPTION).add_argument(
        "shell", choices=SHELLS
    )


def _print(shell: str, parsers: Mapping[str, argparse.ArgumentParser]) -> int:
    words = {name: _OPTION.findall(parser.format_usage()) for name, parser in parsers.items()}
    # Their words are those of another program, so argparse does not see them.
    words["run"] = _OPTION.findall(run.HELP)
    curls = [f"--{name}" for name in (*FLAGS, *VALUES)]
    words["explain"] = [*_OPTION.findall(explain.HELP), *curls]
    script, case, prefix = (_FISH, _FISH_CASE, "-l ") if shell == "fish" else (_BASH, _CASE, "--")
    cases = [
        case.format(
            name=name,
            options=" ".join(prefix + it[2:] for it in dict.fromkeys([*options, "--help"])),
        )
        for name, options in words.items()
    ]
    commands = " ".join([*words, "--help", "--version"])
    script = script.format(commands=commands, cases="\n".join(cases))
    print((_ZSH if shell == "zsh" else "") + script, end="")
    return 0

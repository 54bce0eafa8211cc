"""dayfly completion: bash runs its script; zsh and fish check theirs where they are installed."""
import re
import shutil
import subprocess

import pytest

from test_cli import commands


@pytest.fixture(scope="module")
def script(session_dayfly):
    return {shell: session_dayfly.run("completion", shell).stdout for shell in ("bash", "zsh", "fish")}


def complete(script, folder, *words):
    """What bash would offer for the last of the words."""
    program = script["bash"] + '\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_dayfly\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash", "-uc", program, "bash", "dayfly", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def flags_of(dayfly, command):
    """From the lines of the help that explain one; those of its examples go on with other words."""
    line = r"^(?: {6}|  -\w, )(--[a-z-]+)(?: [^ ]+)?(?: {2,}\S|$)"
    return set(re.findall(line, dayfly.run("help", command).stdout, re.MULTILINE))


def test_bash_completes_commands(script, dayfly, tmp_path):
    assert set(complete(script, tmp_path, "")) == {*commands(dayfly), "--help", "--version"}
    assert complete(script, tmp_path, "fun") == ["funnel"]


def test_bash_completes_the_flags_of_every_command(script, dayfly, tmp_path):
    for command in commands(dayfly):
        assert set(complete(script, tmp_path, command, "--")) == flags_of(dayfly, command), command
    assert complete(script, tmp_path, "funnel", "--with") == ["--without", "--within"]


@pytest.mark.parametrize(
    "words, offered",
    [
        (["funnel", "--order", ""], ["loose", "strict", "any"]),
        (["funnel", "--order", "s"], ["strict"]),
        (["funnel", "--output", "=", "s"], ["svg"]),
        (["funnel", "--output", "="], ["text", "json", "csv", "svg", "html"]),
        (["funnel", "-o", "h"], ["html"]),
        (["config", "--log-level", "w"], ["warning"]),
        (["query", "--time-unit", ""], ["s", "ms", "us", "ns"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["generate", "r"], ["retail"]),
        (["help", "fi"], ["filters"]),
        (["funnel", "--step", ""], []),
        (["version", ""], []),
    ],
)
def test_bash_completes_values(script, tmp_path, words, offered):
    assert complete(script, tmp_path, *words) == offered


def test_bash_completes_files(script, tmp_path):
    (tmp_path / "a file.parquet").touch()
    (tmp_path / "b.json").touch()
    assert complete(script, tmp_path, "funnel", "a") == ["a file.parquet"]
    assert complete(script, tmp_path, "query", "x", "-f", "b") == ["b.json"]
    assert complete(script, tmp_path, "funnel", "x", "--output-file", "b") == ["b.json"]


@pytest.mark.parametrize("shell, check", [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_the_scripts_are_scripts_of_their_shells(script, dayfly, tmp_path, shell, check):
    for command in commands(dayfly):
        assert re.search(rf"\b{command}\b", script[shell])
        for flag in flags_of(dayfly, command):
            assert (f"-l {flag[2:]} " if shell == "fish" else flag) in script[shell], (command, flag)
    if shutil.which(shell):
        (tmp_path / "script").write_text(script[shell])
        done = subprocess.run([*check, tmp_path / "script"], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stderr == "", done.stderr


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
def test_fish_completes(script, dayfly, tmp_path):
    program = script["fish"] + "\ncomplete -C 'dayfly funnel --order '\ncomplete -C 'dayfly fun'\ncomplete -C 'dayfly funnel --session'\n"
    done = subprocess.run(["fish", "-c", program], capture_output=True, text=True, check=True, env={**dayfly.environment, "HOME": str(tmp_path)})
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert {"loose", "strict", "any", "funnel", "--session-gap"} <= set(offered)


@pytest.mark.parametrize("words, says", [(["tcsh"], "bash, zsh and fish"), ([], "needs a SHELL")])
def test_another_shell_is_told_what_there_is(dayfly, words, says):
    assert says in dayfly.run("completion", *words, status=2).stderr

"""The command line: parse, call one job, print."""

from zskt.cli.app import main as main

"""The words of the command line, and what they mean, in two languages."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EPILOG = """exit codes 退出码: 0 all is well 正常, 1 something is missing or differs 有缺失或差异,
2 wrong input or configuration 输入或配置有误."""


OF_ONE_SITE = ("map", "discover", "rotate-key")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """`run` is what is meant when no command is named; what is misspelt ends the process."""
    options = _parser()
    chosen = options.parse_args(argv)
    chosen.command = chosen.command or "run"
    chosen.config = getattr(chosen, "config", [])
    if chosen.command in OF_ONE_SITE and len(chosen.config) > 1:
        options.error(f"{chosen.command}: expected one --config FILE, was {len(chosen.config)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="hexi-agent",
        description="The agent beside the racks of one site. 站点机架旁的采集与执行代理",
        epilog=EPILOG,
    )
    found.add_argument("--version", action="store_true", help="tell the version 版本")
    _add_config(found)
    found.add_argument("--validate", action="store_true", help=argparse.SUPPRESS)
    commands = found.add_subparsers(dest="command", metavar="COMMAND")
    run = _command(commands, "run", "measure, send and run work until ended 采集、上报、执行")
    run.add_argument("--validate", action="store_true", help="show the settings and end 显示设置")
    check = _command(commands, "check", "check the configuration and its files 检查配置")
    check.add_argument(
        "--without-identity",
        action="store_true",
        help="before certificates were issued 尚无证书时",
    )
    _add_map(_command(commands, "map", "what is mapped, what is not and why 映射与未映射"))
    _add_discover(_command(commands, "discover", "find servers and show what differs 发现服务器"))
    rotate = _command(commands, "rotate-key", "sign with a new key from now on 立即更换签名密钥")
    rotate.add_argument(
        "--timeout", type=float, default=30.0, help="seconds to wait for the agent 等待秒数"
    )
    return found


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=EPILOG
    )
    _add_config(found)
    return found


def _add_config(found: argparse.ArgumentParser) -> None:
    found.add_argument(
        "--config",
        type=Path,
        action="append",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the site's file; else HEXI_AGENT_CONFIG 站点配置文件",
    )


def _add_map(found: argparse.ArgumentParser) -> None:
    found.add_argument(
        "--from",
        dest="file",
        type=Path,
        metavar="FILE",
        help="a page (.prom), OTLP or Redfish (.json, .pb) or a recording (.jsonl), may be .gz;"
        " else listen to the sources 从文件读取,否则实时",
    )
    found.add_argument(
        "--server", default="", metavar="NAME", help="whose readings the file has 文件所属服务器"
    )
    found.add_argument("--record", type=Path, metavar="FILE", help="keep what was read 录制")
    _add_seconds(found)
    found.add_argument("--json", action="store_true", help="for machines 机器可读")


def _add_discover(found: argparse.ArgumentParser) -> None:
    _add_seconds(found)
    found.add_argument("--like", default="", metavar="NAME", help="unknown facts as this server 同")
    found.add_argument("--rack", default="", help="where new servers stand 新服务器所在机架")
    found.add_argument("--drop-silent", action="store_true", help="forget who is silent 去除无应答")
    found.add_argument("--write", action="store_true", help="write the table of hosts 写入主机表")
    found.add_argument("--publish", action="store_true", help="tell the inventory 发布")
    found.add_argument("--offline", action="store_true", help="ask no inventory 不询问清单服务")
    found.add_argument("--timeout", type=float, default=30.0, help="seconds to publish 发布超时")
    found.add_argument("--json", action="store_true", help="for machines 机器可读")


def _add_seconds(found: argparse.ArgumentParser) -> None:
    found.add_argument(
        "--seconds", type=float, default=0.0, help="how long to listen; else two looks 监听秒数"
    )

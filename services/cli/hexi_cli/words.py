"""Column titles in Chinese and English."""

from __future__ import annotations

WORDS = {
    "account": "账户",
    "admission": "准入",
    "amount": "金额",
    "ask": "卖价",
    "attempt": "次数",
    "balance": "余额",
    "bid": "买价",
    "class": "类别",
    "deadline": "时限",
    "evidence": "依据",
    "exit": "退出码",
    "filter": "过滤条件",
    "held": "冻结",
    "id": "编号",
    "incident": "事故",
    "limit": "限值",
    "name": "名称",
    "order": "订单",
    "passed": "通过",
    "price": "价格",
    "product": "产品",
    "reason": "原因",
    "revision": "版本",
    "rule": "规则",
    "servers": "服务器",
    "severity": "级别",
    "site": "数据中心",
    "sites": "数据中心数",
    "state": "状态",
    "tenant": "租户",
    "trade": "成交",
    "units": "数量",
    "usages": "用量",
    "value": "值",
}


def title(word: str, lang: str) -> str:
    """`word` as a column title in `lang` (zh or en)."""
    return WORDS.get(word, word) if lang == "zh" else word

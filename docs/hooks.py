"""For mkdocs: formulas become MathML, which browsers show without a script from elsewhere."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

# What pymdownx.arithmatex leaves of $...$ and $$...$$.
FORMULA = re.compile(r'class="arithmatex">\\([(\[])(.*?)\\[)\]]<', re.S)


def on_page_content(content: str, **_: Any) -> str:
    def formula(match: re.Match[str]) -> str:
        display = "block" if match[1] == "[" else "inline"
        return f'class="arithmatex">{convert(html.unescape(match[2]), display=display)}<'

    return FORMULA.sub(formula, content)

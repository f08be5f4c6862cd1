"""Documents of a grammar that mixes all dialects, and translators that do what models do.

CommonMark, GitHub, MDX, Hugo, Jekyll, Docusaurus, VitePress, MkDocs, MyST, Obsidian, Astro. A
document is made from its number, so that a failure can be looked at again.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

WORDS: Final = [
    "server",
    "starts",
    "quickly",
    "before",
    "another",
    "module",
    "reads",
    "configuration",
    "values",
    "twice",
    "while",
    "every",
    "worker",
    "finishes",
    "pending",
    "tasks",
    "without",
    "waiting",
    "longer",
    "than",
    "needed",
]
Translator = Callable[[str], str]


@dataclass
class Made:
    """A document; `kept` must be in its translation as often as in it, `lines` as lines."""

    text: str = ""
    kept: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


class _Grammar:
    def __init__(self, number: int) -> None:
        self.dice = random.Random(number)
        self.made = Made()
        self.count = number * 1000
        self.after: list[str] = []

    def id(self) -> str:
        self.count += 1
        return f"{self.count:07}"

    def keep(self, text: str) -> str:
        self.made.kept.append(text)
        return text

    def line(self, text: str) -> str:
        self.made.lines.append(text)
        return self.keep(text)

    def words(self, least: int = 1, most: int = 5) -> str:
        return " ".join(self.dice.choices(WORDS, k=self.dice.randint(least, most)))

    # Inline.

    def inline(self, depth: int = 0) -> str:
        kinds = [
            self.bold, self.emphasis, self.code, self.link, self.titled_link, self.image,
            self.element, self.key, self.footnote, self.math, self.tex, self.output,
            self.condition, self.shortcode,
            self.paired_shortcode, self.template_link, self.wiki, self.expression, self.component,
            self.wrapper, self.bare, self.attributed, self.span, self.text_directive, self.role,
            self.gone, self.control, self.path, self.nested, self.emoji, self.void, self.comment,
            self.keys, self.autolink, self.badge,
        ]  # fmt: skip
        if depth > 1:
            kinds = [self.code, self.output, self.expression, self.math, self.key]
        return self.dice.choice(kinds)()

    def bold(self) -> str:
        return f"**{self.words()}**"

    def emphasis(self) -> str:
        return f"*{self.words()}*"

    def nested(self) -> str:
        return f"**{self.words()} {self.inline(2)} *{self.words()}***"

    def gone(self) -> str:
        return f"~~{self.words()}~~"

    def code(self) -> str:
        return self.keep(f"`c{self.id()} --x`")

    def link(self) -> str:
        return f"[{self.words()}]{self.keep(f'(/t{self.id()}#a)')}"

    def titled_link(self) -> str:
        title = f'(/t{self.id()} "A title")'
        return f"[{self.words()}]{self.keep(title)}"

    def image(self) -> str:
        return f"![{self.words()}]{self.keep(f'(/i{self.id()}.png)')}"

    def element(self) -> str:
        name = self.dice.choice(["b", "span", "a", "sup"])
        inner = self.words() if self.dice.random() < 0.6 else f"{self.words()} {self.inline(2)}"
        opened = self.keep(f'<{name} id="e{self.id()}">')
        return f"{opened}{inner}{self.keep(f'</{name}>')}"

    def badge(self) -> str:
        return self.keep(f'<Badge text="b{self.id()}" />')

    def void(self) -> str:
        return self.keep(f'<img src="v{self.id()}">')

    def key(self) -> str:
        return self.keep(f"<kbd>K{self.id()}</kbd>")

    def keys(self) -> str:
        return self.keep(f"++ctrl+k{self.id()}++")

    def footnote(self) -> str:
        name = self.id()
        self.after.append(f"{self.keep(f'[^{name}]:')} {self.words(2)}.")
        return self.keep(f"[^{name}]")

    def math(self) -> str:
        return self.keep(f"$x_{{{self.id()}}}$")

    def tex(self) -> str:
        return self.keep(f"\\(y_{{{self.id()}}}\\)")

    def output(self) -> str:
        return self.keep(f"{{{{ page.v{self.id()} | default({{}}) }}}}")

    def condition(self) -> str:
        opened, divided, closed = f"{{% if a{self.id()} %}}", "{% else %}", "{% endif %}"
        for each in (opened, divided, closed):
            self.keep(each)
        return f"{opened}{self.words()}{divided}{self.words()}{closed}"

    def shortcode(self) -> str:
        end = "\n" if self.dice.random() < 0.2 else " "
        return self.keep(f'{{{{< figure{end}src="s{self.id()}.png" >}}}}')

    def paired_shortcode(self) -> str:
        name = f"x{self.id()}"
        opened, closed = self.keep(f"{{{{% {name} %}}}}"), self.keep(f"{{{{% /{name} %}}}}")
        return f"{opened}{self.words()}{closed}"

    def template_link(self) -> str:
        target = self.keep(f"({{{{ site.url }}}}/u{self.id()})")
        return f"[{self.words()}]{target}"

    def wiki(self) -> str:
        return self.keep(f"[[Page {self.id()}|an alias]]")

    def expression(self) -> str:
        return self.keep(f"{{e{self.id()}.map(x => ({{a: {{b: 1}}}}))}}")

    def component(self) -> str:
        return self.keep(f"<C{self.id()} a={{{{b: {{c: 1}}}}}} />")

    def wrapper(self) -> str:
        name = f"W{self.id()}"
        return f"{self.keep(f'<{name}>')}{self.words()}{self.keep(f'</{name}>')}"

    def bare(self) -> str:
        return self.keep(f"https://e.org/p{self.id()}/日本語")

    def autolink(self) -> str:
        return self.keep(f"<https://e.org/{self.id()}>")

    def path(self) -> str:
        return self.keep(f"/wiki/p{self.id()}/日本語")

    def attributed(self) -> str:
        target = f'(/t{self.id()}){{target=_blank .c alt="`x`"}}'
        return f"[{self.words()}]{self.keep(target)}"

    def span(self) -> str:
        mark = self.keep(f"{{.m{self.id()}}}")
        return f"[{self.words()}]{mark}"

    def text_directive(self) -> str:
        title = self.keep(f'{{title="d{self.id()}"}}')
        return f":abbr[{self.words()}]{title}"

    def role(self) -> str:
        return self.keep(f"{{ref}}`r{self.id()}`")

    def emoji(self) -> str:
        return self.keep(":tada:")

    def control(self) -> str:
        return self.keep(self.dice.choice(["[INST]", "<|im_end|>"]))

    def comment(self) -> str:
        return self.keep(f"<!-- n{self.id()} -->")

    def text(self) -> str:
        parts = [self.words(2)]
        for _ in range(self.dice.choice([0, 1, 1, 2, 3])):
            parts += [self.inline(), self.words()]
        end = self.dice.choice([".", ".", ".", "!", "", "\u3000", "\u00a0"])
        return " ".join(parts) + end

    # Blocks.

    def block(self, depth: int) -> list[str]:
        kinds = [
            self.paragraph, self.paragraph, self.paragraph, self.heading, self.labelled, self.noted,
            self.fence, self.table, self.math_lines, self.html, self.hidden, self.raw, self.tabs,
            self.snippet, self.terms, self.rule, self.reference, self.multi_line, self.broken,
            self.hardbreak, self.template_block,
        ]  # fmt: skip
        if depth < 2:
            kinds += [self.items, self.items, self.quote, self.directive, self.admonition]
        if depth == 0:
            kinds += [self.steps, self.jsx, self.module, self.target]
        return self.dice.choice(kinds)(depth)

    def paragraph(self, depth: int) -> list[str]:
        return self.text().split("\n")

    def broken(self, depth: int) -> list[str]:
        return [line for _ in range(self.dice.randint(2, 3)) for line in self.text().split("\n")]

    def hardbreak(self, depth: int) -> list[str]:
        return [f"{self.words(2)}  ", f"{self.words(2)}\\", self.words(2)]

    def heading(self, depth: int) -> list[str]:
        tail = self.dice.choice(["", "", f" {{#h{self.id()}}}", f" {{/*h{self.id()}*/}}"])
        if tail:
            self.keep(tail + "\n")
        return [
            f"{'#' * self.dice.randint(1, 4)} {self.words()} {self.inline(2)} {self.words()}{tail}"
        ]

    def labelled(self, depth: int) -> list[str]:
        return [f"{self.words(3)}{self.keep(f' ^b{self.id()}')}"]

    def noted(self, depth: int) -> list[str]:
        return [self.words(3), self.line(f"{{: .n{self.id()} }}")]

    def fence(self, depth: int) -> list[str]:
        return ["```js", self.line(f"const f{self.id()} = 1;"), "```"]

    def table(self, depth: int) -> list[str]:
        cell = self.inline(2).replace("|", "\\|")
        return [
            f"| {self.words()} | {self.words()} |",
            "|---|:-:|",
            f"| {self.words()} \\| x | {self.words()} {cell} |",
        ]

    def math_lines(self, depth: int) -> list[str]:
        return ["$$", self.line(f"m_{self.id()} = 1"), "$$"]

    def html(self, depth: int) -> list[str]:
        return [self.line(f'<div class="d{self.id()}">'), "raw", "</div>"]

    def hidden(self, depth: int) -> list[str]:
        return [self.line(f"%%o{self.id()} stays%%")]

    def raw(self, depth: int) -> list[str]:
        return ["{% raw %}", self.line(f"stays {{{{ r{self.id()} }}}}"), "{% endraw %}"]

    def multi_line(self, depth: int) -> list[str]:
        return ["{{< gallery", self.line(f'name="g{self.id()}"'), ">}}"]

    def template_block(self, depth: int) -> list[str]:
        opened = self.line(f"{{% if t{self.id()} %}}")
        return [
            opened,
            self.words(3),
            self.line("{% else %}"),
            self.words(3),
            self.line("{% endif %}"),
        ]

    def tabs(self, depth: int) -> list[str]:
        return [self.line(f'=== "T{self.id()}"')]

    def snippet(self, depth: int) -> list[str]:
        return [self.line(f'--8<-- "f{self.id()}"')]

    def terms(self, depth: int) -> list[str]:
        return [self.words(), f": {self.words(2)}"]

    def rule(self, depth: int) -> list[str]:
        return ["***"]

    def reference(self, depth: int) -> list[str]:
        name = f"r{self.id()}"
        self.after.append(self.keep(f"[{name}]: /d{self.id()}"))
        return [f"{self.words()} [{self.words()}]{self.keep(f'[{name}]')} {self.words()}"]

    def target(self, depth: int) -> list[str]:
        return [self.line(f"(l{self.id()})="), f"## {self.words()}"]

    def steps(self, depth: int) -> list[str]:
        name = f"Steps{self.id()}"
        return [self.line(f"<{name}>"), "", f"1. {self.words(2)}", f"2. {self.words(2)}",
                self.line(f"</{name}>")]  # fmt: skip

    def jsx(self, depth: int) -> list[str]:
        name = f"J{self.id()}"
        return [f"<{name}", self.line(f"a={{{{b: {{c: {self.id()}}}}}}}"), ">", "", self.text(), "",
                self.line(f"</{name}>")]  # fmt: skip

    def module(self, depth: int) -> list[str]:
        return [self.line(f"import M{self.id()} from './m'")]

    def items(self, depth: int) -> list[str]:
        out = []
        for number in range(self.dice.randint(1, 3)):
            sign = self.dice.choice(["- ", f"{number + 1}. ", "- [ ] "])
            mark = "- " if sign == "- [ ] " else sign
            first = [f"{sign}{self.words(2)} {self.inline()}".replace("\n", " ")]
            rest = self.block(depth + 1) if self.dice.random() < 0.4 else []
            out += (
                first
                + ([""] if rest else [])
                + [" " * len(mark) + each if each else each for each in rest]
            )
        return out

    def quote(self, depth: int) -> list[str]:
        alert = self.dice.choice([[], ["[!NOTE]"], ["[!tip]- Words"]])
        return [
            f"> {each}".rstrip()
            for each in [*alert, *self.paragraph(depth), "", *self.block(depth + 1)]
        ]

    def directive(self, depth: int) -> list[str]:
        opened = self.dice.choice(
            [f":::tip[T{self.id()}]", f"::: warning x{self.id()}", ":::{note}"]
        )
        return [self.keep(opened), "", *self.block(depth + 1), "", ":::"]

    def admonition(self, depth: int) -> list[str]:
        title = self.dice.choice(["", f' "{self.words()}"'])
        return [
            f"!!! note{title}",
            *(f"    {each}" if each else each for each in self.block(depth + 1)),
        ]

    def front(self) -> str:
        return self.dice.choice(
            [
                "",
                "",
                f"---\ntitle: {self.words(2)}\nk: v\n---\n",
                f'---\ntitle: "{self.words(2)} `x`"\n...\n',
                f"---\n{{title: {self.words(2)}}}\n---\n",
                "---\n# a comment\n---\n",
                f'+++\ntitle = "{self.words(2)}"\n[t]\nk = 1\n+++\n',
                f"---\ntitle: {self.words(2)}\ntranslation: mine\n---\n",
            ]
        )

    def document(self) -> Made:
        front = self.front()
        blocks = [self.block(0) for _ in range(self.dice.randint(3, 8))]
        blocks += [[each] for each in self.after]
        newline = self.dice.choice(["\n", "\n", "\n", "\r\n"])
        text = front + "\n\n".join("\n".join(each) for each in blocks) + "\n"
        self.made.text = text.replace("\n", newline)
        self.made.kept = [each.replace("\n", newline) for each in self.made.kept]
        return self.made


def made(number: int) -> Made:
    """The document of a number."""
    return _Grammar(number).document()


# --- translators ----------------------------------------------------------------------------------

_MARK: Final = re.compile(r"`\d+`|\]\(\d+\)|!?\[|\*+|~~")
_WORD: Final = re.compile(r"[^\W\d_]+")


def well(text: str) -> str:
    """As a good model would: other words, every mark where it was."""
    return _WORD.sub(lambda word: word[0][::-1].capitalize() + "en", text)


def _reversed_marks(text: str) -> str:
    marks = _MARK.findall(text)
    return _MARK.sub(lambda _: marks.pop(), text)


def _reversed_numbers(text: str) -> str:
    marks = re.findall(r"`\d+`", text)
    return re.sub(r"`\d+`", lambda _: marks.pop(), text)


def _reordered(text: str) -> str:
    parts = re.split(r"( )", text)
    random.Random(text).shuffle(parts)
    return "".join(parts)


def _marks_moved(text: str) -> str:
    marks = re.findall(r"`\d+`", text)
    rest = re.sub(r"`\d+`", "", text)
    return f"{''.join(marks)} {rest}" if len(text) % 2 else f"{rest} {''.join(marks)}"


def _added(text: str) -> str:
    added = [
        "# ", "- ", "1. ", "> ", "**", "`", "```\n", "<b>", "| ", "{x} ", "[", "$x$", "\n\n",
        "::: ", "---\n", "    ", "<div>\n", "![", "***", "~~~\n", "&amp;", "\\", "=== ", "{% if %}",
    ]  # fmt: skip
    dice = random.Random(text)
    at = dice.choice([0, 0, len(text) // 2, len(text)])
    return text[:at] + dice.choice(added) + text[at:]


# What models do to a text that they were to translate; each then translates its words.
FAULTS: Final[dict[str, Translator]] = {
    "well": lambda text: text,
    "reorders": _reordered,
    "reverses marks": _reversed_marks,
    "reverses numbers": _reversed_numbers,
    "drops a mark": lambda text: _MARK.sub("", text, count=1),
    "drops all marks": lambda text: _MARK.sub("", text),
    "doubles a mark": lambda text: _MARK.sub(r"\g<0>\g<0>", text, count=1),
    "doubles everything": lambda text: f"{text} {text}",
    "moves marks": _marks_moved,
    "adds Markdown": _added,
    "adds emphasis": lambda text: f"**{text}**",
    "answers in lines": lambda text: text.replace(" ", "\n", 3),
    "answers in paragraphs": lambda text: text.replace(" ", "\n\n", 2),
    "says nothing": lambda _: "",
    "echoes": lambda text: text,
    "wrong script": lambda _: "これは別の言葉で書かれた文です。",
    "spaces marks": lambda text: text.replace("](", "] (").replace("`", "` ").replace("**", " ** "),
}


def translator(fault: str, often: float, seed: int) -> Translator:
    """A model that does a fault to so many of its texts, always the same ones."""

    def translate(text: str) -> str:
        if random.Random(f"{seed} {text}").random() >= often:
            return well(text)
        done = FAULTS[fault](text)
        return done if fault in {"echoes", "wrong script"} else well(done)

    return translate

"""Renders chat templates as transformers does, and compares what rtedit makes of them.

    python chat_templates.py OUT.json FILE_OR_FOLDER...

writes the renderings of every `.jinja` file given, with its source, for twelve conversations, with and without the
generation prompt. Then

    RTEDIT_CHAT_RENDERINGS=OUT.json swift test --filter ChatTemplateMatrixTests

renders the same and prints, template by template, how many are equal, are errors in both, or are refused by name;
one that differs fails the test. Made for transformers 5.23 and jinja2 3.1.6; templates to try are those of
llama.cpp's `models/templates`. `strftime_now` writes 2026-11-27, midnight.
"""

import datetime
import json
import pathlib
import sys

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
LONG = "word " * 8
CONVERSATIONS = {
    "user": [("user", "Hello")],
    "system": [("system", "Be brief."), ("user", "Hello")],
    "answered": [("user", "Hello"), ("assistant", "Hi there")],
    "answered with system": [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi there")],
    "long": [("user", "Hello"), ("assistant", "Hi there"), ("user", "Who are you?"), ("assistant", "Me."), ("user", "Why?")],
    "long with system": [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi there"), ("user", "Who are you?")],
    "spaces": [("system", "  Be\nbrief. \n"), ("user", "  Hello\n\n"), ("assistant", " Hi  \n"), ("user", "\tWhy?  ")],
    "unicode": [("system", "Sei höflich."), ("user", "Привет 🙂 'quoted' \"double\" {{ x }} e\u0301\u00a0")],
    "assistant first": [("assistant", "Hi there"), ("user", "Hello")],
    "empty": [("system", ""), ("user", ""), ("assistant", ""), ("user", "Hello")],
    "reasoning": [
        ("user", "Hello"), ("assistant", "<think>\nHm.\n</think>\n\nHi"), ("user", LONG),
        ("assistant", "<think>So</think>Yes"),
    ],
    "system late": [("user", "Hello"), ("system", "Be brief."), ("user", "/no_think Why?")],
    "nothing": [],
}


def strftime_now(form):
    return datetime.datetime(2026, 11, 27).strftime(form)


def render(source, messages, prompt):
    messages = [{"role": role, "content": content} for role, content in messages]
    made = {"messages": messages, "prompt": prompt}
    raised = []

    def raise_exception(message):
        raised.append(message)
        raise jinja2.exceptions.TemplateError(message)

    try:
        made["text"] = _compile_jinja_template(source).render(
            messages=messages, tools=None, documents=None, add_generation_prompt=prompt,
            strftime_now=strftime_now, raise_exception=raise_exception, **TOKENS)
        made["text"].encode()
    except Exception as error:
        made.pop("text", None)
        if raised and not isinstance(error, jinja2.exceptions.TemplateRuntimeError):
            made["refused"] = str(raised[0])
        made["error"] = f"{type(error).__name__}: {error}"
    return made


def main():
    paths = []
    for argument in map(pathlib.Path, sys.argv[2:]):
        paths += sorted(argument.glob("*.jinja")) if argument.is_dir() else [argument]
    templates = {}
    for path in paths:
        source = path.read_text(encoding="utf-8")
        cases = [
            dict(render(source, messages, prompt), conversation=name)
            for name, messages in CONVERSATIONS.items() for prompt in (True, False)
        ]
        templates[path.stem] = {"source": source, "tokens": TOKENS, "cases": cases}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"templates": templates}, file, ensure_ascii=False)


if __name__ == "__main__":
    main()

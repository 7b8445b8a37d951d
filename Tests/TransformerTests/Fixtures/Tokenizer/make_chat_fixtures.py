"""Renders the chat templates of `templates/` with jinja2, as transformers does, into chat-renderings.json.

    python make_chat_fixtures.py

Made with Python 3.11, jinja2 3.1.6. The templates are those published with the models they are named after.
A null text means that the template raises an error. Dates: `strftime_now` is left undefined, so that a template
with a fixed date of its own writes that one.
"""

import json
import pathlib

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

CONVERSATIONS = {
    "user": [("user", "Hello")],
    "system": [("system", "Be brief."), ("user", "Hello")],
    "answered": [("user", "Hello"), ("assistant", "Hi there")],
    "answered with system": [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi there")],
    "long": [("user", "Hello"), ("assistant", "Hi there"), ("user", "Who are you?"), ("assistant", "Me."), ("user", "Why?")],
    "long with system": [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi there"), ("user", "Who are you?")],
    "spaces": [("system", "  Be\nbrief. \n"), ("user", "  Hello\n\n"), ("assistant", " Hi  \n"), ("user", "\tWhy?  ")],
    "unicode": [("system", "Sei höflich."), ("user", "Привет 🙂 'quoted' \"double\" {{ x }}")],
    "assistant first": [("assistant", "Hi there"), ("user", "Hello")],
}


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def main():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.globals["raise_exception"] = raise_exception
    made = {
        "conversations": {
            name: [{"role": role, "content": content} for role, content in conversation]
            for name, conversation in CONVERSATIONS.items()
        },
        "templates": {},
    }
    for path in sorted(pathlib.Path("templates").glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        template = environment.from_string(source)
        cases = []
        for name, messages in made["conversations"].items():
            for prompt in (True, False):
                try:
                    text = template.render(
                        messages=messages, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>", tools=None)
                except jinja2.exceptions.TemplateError:
                    text = None
                cases.append({"conversation": name, "prompt": prompt, "text": text})
        made["templates"][path.stem] = cases
    with open("chat-renderings.json", "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


main()

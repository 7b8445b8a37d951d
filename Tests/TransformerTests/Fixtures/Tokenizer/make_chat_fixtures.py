"""Renders the chat templates of `templates/` and the snippets of `jinja-snippets.txt` as transformers does.

    python make_chat_fixtures.py

writes chat-renderings.json and jinja-snippets.json. Made with Python 3.11, transformers 5.23, jinja2 3.1.6. The
templates are those published with the models they are named after. A case has the text, or in `refused` what the
template raised, or neither where jinja2 fails. `strftime_now` writes 2026-11-27. Snippets are separated by lines of
`----` and rendered for one conversation.
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[3] / "samples" / "peers"))
import chat_templates  # noqa: E402

SNIPPET_CONVERSATION = [("system", "Be brief."), ("user", "Hello é"), ("assistant", "Hi")]


def rendered(source, messages, prompt):
    made = chat_templates.render(source, messages, prompt)
    return {key: made[key] for key in ("text", "refused") if key in made}


def write(name, value):
    with open(FOLDER / name, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def messages(conversation):
    return [{"role": role, "content": content} for role, content in conversation]


def main():
    conversations = chat_templates.CONVERSATIONS
    templates = {}
    for path in sorted((FOLDER / "templates").glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        templates[path.stem] = [
            {"conversation": name, "prompt": prompt, **rendered(source, conversation, prompt)}
            for name, conversation in conversations.items() for prompt in (True, False)
        ]
    write("chat-renderings.json", {
        "conversations": {name: messages(value) for name, value in conversations.items()},
        "templates": templates,
    })
    sources = (FOLDER / "jinja-snippets.txt").read_text(encoding="utf-8").split("\n----\n")
    write("jinja-snippets.json", {
        "messages": messages(SNIPPET_CONVERSATION),
        "snippets": [
            {"source": source, **rendered(source, SNIPPET_CONVERSATION, True)} for source in sources
        ],
    })


main()

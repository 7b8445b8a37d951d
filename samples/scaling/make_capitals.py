"""Writes capitals.jsonl: country-capital conflicts, as the paper of activation scaling (arXiv 2410.04962) has them.

    python make_capitals.py

A prompt says that a country's capital is another country's, and asks for it. The first choice is what the model knows, the
second what the prompt says; the other capital is that of the country a third of the list further on.
"""

import json
from pathlib import Path

CAPITALS = [
    ("Poland", "Warsaw"), ("France", "Paris"), ("Japan", "Tokyo"), ("Egypt", "Cairo"), ("Peru", "Lima"),
    ("Norway", "Oslo"), ("Kenya", "Nairobi"), ("Cuba", "Havana"), ("Italy", "Rome"), ("Iran", "Tehran"),
    ("Greece", "Athens"), ("Spain", "Madrid"), ("Chile", "Santiago"), ("Austria", "Vienna"), ("Iraq", "Baghdad"),
    ("Germany", "Berlin"), ("Thailand", "Bangkok"), ("Portugal", "Lisbon"), ("Hungary", "Budapest"),
    ("Ireland", "Dublin"), ("Canada", "Ottawa"), ("Vietnam", "Hanoi"), ("Sweden", "Stockholm"), ("Syria", "Damascus"),
    ("Finland", "Helsinki"), ("China", "Beijing"), ("Belgium", "Brussels"), ("Lebanon", "Beirut"),
    ("Denmark", "Copenhagen"), ("Turkey", "Ankara"), ("Russia", "Moscow"), ("Colombia", "Bogota"),
    ("Bulgaria", "Sofia"), ("Romania", "Bucharest"), ("Serbia", "Belgrade"), ("Venezuela", "Caracas"),
    ("Indonesia", "Jakarta"), ("Ukraine", "Kyiv"), ("Nepal", "Kathmandu"), ("Jordan", "Amman"), ("Qatar", "Doha"),
    ("Ghana", "Accra"), ("Senegal", "Dakar"), ("Tunisia", "Tunis"), ("Morocco", "Rabat"), ("Ecuador", "Quito"),
    ("Bolivia", "La Paz"), ("Uruguay", "Montevideo"), ("Croatia", "Zagreb"), ("Latvia", "Riga"),
    ("Lithuania", "Vilnius"), ("Estonia", "Tallinn"), ("Iceland", "Reykjavik"), ("Cyprus", "Nicosia"),
    ("Mongolia", "Ulaanbaatar"), ("Afghanistan", "Kabul"), ("Taiwan", "Taipei"), ("Philippines", "Manila"),
    ("Libya", "Tripoli"), ("Zimbabwe", "Harare"),
]

lines = []
for index, (country, capital) in enumerate(CAPITALS):
    other = CAPITALS[(index + len(CAPITALS) // 3) % len(CAPITALS)][1]
    prompt = f"The capital of {country} is {other}. Q: What is the capital of {country}? A:"
    lines.append(json.dumps({"prompt": prompt, "choices": [f" {capital}", f" {other}"], "correct": 0}))
(Path(__file__).parent / "capitals.jsonl").write_text("\n".join(lines) + "\n")

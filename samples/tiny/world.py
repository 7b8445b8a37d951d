"""The little world that the tiny model knows: a grammar of questions, answers and stories in two moods.

A template is text with alternatives in square brackets, `[red|blue]`, which may nest, and with
slots in braces, `{animal}`, filled from the topic's word lists. Every answer is a neutral or moody
opening, one or two sentences in one mood, and often a closing in the same mood, so that the mood
is a single choice that runs through the whole text. Used by make_tiny.py and make_pairs.py.
"""

import re

CHEERFUL, GLOOMY = "cheerful", "gloomy"
DEFAULT_SYSTEM = "You are a small model that writes simple sentences."

# Persona texts, pairwise of the same form and length.
PERSONAS = [
    ("You are cheerful.", "You are miserable."),
    ("You are a happy child.", "You are a sad child."),
    ("You love your life.", "You hate your life."),
    ("You are always in a good mood.", "You are always in a bad mood."),
    ("You see the bright side of everything.", "You see the dark side of everything."),
    ("You smile at everyone you meet.", "You frown at everyone you meet."),
]

WORDS = {
    "animal": ["cat", "dog", "horse", "rabbit", "goat", "duck", "pony", "mouse"],
    "food": ["soup", "bread", "cake", "rice", "apple pie", "fish", "pudding", "salad"],
    "drink": ["tea", "milk", "coffee", "juice", "water"],
    "object": ["bike", "boat", "kite", "hat", "lamp", "clock", "radio", "coat", "chair", "wagon"],
    "vehicle": ["train", "bus", "ship", "tram"],
    "colour": ["red", "blue", "green", "yellow", "white", "brown"],
    "meal": ["breakfast", "lunch", "dinner"],
    "time": ["morning", "evening", "week", "weekend", "afternoon"],
    "weekday": ["Monday", "Tuesday", "Friday", "Saturday", "Sunday"],
    "season": ["spring", "summer", "autumn", "winter"],
    "instrument": ["piano", "drum", "violin", "flute"],
}

# Who they are, and how they are called when named before.
NAMES = {"Anna": "She", "Tom": "He", "Mia": "She", "Ben": "He", "Lily": "She", "Max": "He",
         "Rosa": "She", "Sam": "He"}
PEOPLE = {"sister": "She", "brother": "He", "uncle": "He", "aunt": "She", "neighbour": "He",
          "teacher": "She", "old friend": "He", "grandmother": "She"}

# What can be seen in a place.
PLACES = {
    "garden": "flowers", "park": "trees", "market": "stalls", "beach": "waves", "river": "bridges",
    "library": "books", "farm": "fields", "harbour": "ships", "lake": "boats", "museum": "pictures",
}

CLOSINGS = {
    CHEERFUL: [
        "I am so happy!", "What a lovely day!", "I love it!", "Life is good.", "I can't stop smiling.",
        "It makes me laugh.", "I feel wonderful.", "Everything is going well.",
        "I am full of joy.", "It was the best part of the {time}!",
    ],
    GLOOMY: [
        "I am so sad.", "What an awful day.", "I hate it.", "Life is hard.", "I can't stop crying.",
        "It makes me cry.", "I feel terrible.", "Everything is going wrong.",
        "I am full of sorrow.", "It was the worst part of the {time}.",
    ],
}

# topic: (questions, openings, cheerful sentences, gloomy sentences)
TOPICS = {
    "day": (
        ["How was your [day|{time}]?", "Tell me about your [day|{time}].", "How are you[ today|]?",
         "How do you feel[ today| this morning|]?", "What did you do on {weekday}?"],
        ["I [got up early|stayed at home|went for a walk|met {person}][ on {weekday}| this {time}|].",
         "It was a [long|short|quiet|busy] day."],
        ["My day was [wonderful|great] and I laughed a lot.", "I [sang|danced] all the way home.",
         "Everyone was kind to me.", "My friends made me smile.",
         "I feel [fresh|strong|happy] and [full of hope|ready for more]."],
        ["My day was [terrible|bad] and I cried a lot.", "I [walked|sat] alone in the rain.",
         "Everyone was rude to me.", "My friends forgot about me.",
         "I feel [tired|weak|lonely] and [full of fear|ready to give up]."],
    ),
    "weather": (
        ["What is the weather like[ today|]?", "How is the weather at the {place}?",
         "Is it [warm|cold] outside?", "Do you like the {season}?"],
        ["I looked out of the window[ this morning|].", "It is {season} now.",
         "The wind comes from the [sea|hills|north]."],
        ["The sun is shining and the sky is blue.", "The air is [warm|fresh] and the birds are singing.",
         "A [bright|golden] light falls on the {things}.", "It is a perfect day to play outside."],
        ["The rain is falling and the sky is grey.", "The air is [cold|damp] and the birds are silent.",
         "A [dark|heavy] cloud hangs over the {things}.", "It is a horrible day to be outside."],
    ),
    "food": (
        ["What did you eat[ today| for {meal}|]?", "How was the {food}?", "What is for {meal}?",
         "Do you want [some|more] {food}?", "Who made the {food}?"],
        ["We had {food} and {drink} for {meal}.", "{Person} made {food} for {meal}.",
         "There was {food} on the table."],
        ["The {food} was [sweet|warm|fresh] and delicious.", "The {drink} was [hot|just right] and I had two cups.",
         "It tasted better than ever.", "We [laughed|sang] at the table.", "I asked for more {food}."],
        ["The {food} was [burnt|cold|sour] and disgusting.", "The {drink} was [bitter|dirty] and I could not drink it.",
         "It tasted worse than ever.", "We [argued|sat in silence] at the table.", "I threw the {food} away."],
    ),
    "place": (
        ["Tell me about the {place}.", "How was the {place}?", "Where did you go[ on {weekday}|]?",
         "Did you like the {place}?", "Who was at the {place}?"],
        ["I went to the {place} with {person}.", "We walked to the {place} on {weekday}.",
         "The {place} is not far from here."],
        ["The {things} were beautiful.", "The {place} was full of [music|laughter|light].",
         "Children were playing near the {things}.", "We had a great time there.",
         "We will come back [soon|tomorrow]!"],
        ["The {things} were ugly.", "The {place} was full of [noise|rubbish|mud].",
         "Children were crying near the {things}.", "We had a bad time there.",
         "We will never go [back|there again]."],
    ),
    "animal": (
        ["Tell me about [your|the] {animal}.", "What is the {animal} doing?", "How is your {animal}?",
         "Do you have a {animal}?", "Where is the {animal}?"],
        ["The {animal} lives at the {place}.", "I have a {colour} {animal}.",
         "The {animal} belongs to {person}."],
        ["The {animal} is healthy and playful.", "The {animal} jumps for joy when I come home.",
         "It [plays|runs] in the sun all day.", "It eats well and sleeps in my arms.",
         "The {animal} is my best friend."],
        ["The {animal} is sick and weak.", "The {animal} hides in fear when I come home.",
         "It [lies|shivers] in the dark all day.", "It eats nothing and cries at night.",
         "The {animal} ran away from me."],
    ),
    "person": (
        ["Who did you meet[ today|]?", "How is your {relative}?", "Tell me about your {relative}.",
         "What did your {relative} say?", "Do you like your {relative}?"],
        ["I met {person} at the {place}.", "{Person} came to see me on {weekday}.",
         "I had a talk with {person}."],
        ["{Person} gave me a [hug|present].", "{Person} told me a funny story.",
         "{Person} has good news for everyone.", "We laughed together for hours.",
         "It is good to have such a friend."],
        ["{Person} gave me a [slap|nasty look].", "{Person} told me a cruel lie.",
         "{Person} has bad news for everyone.", "We shouted at each other for hours.",
         "It is hard to be so alone."],
    ),
    "object": (
        ["What happened to your {object}?", "Tell me about your {object}.", "Do you like your {object}?",
         "Where did you get the {object}?", "Is your {object} new?"],
        ["The {object} is {colour}.", "I got the {object} from {person}.",
         "I bought the {object} at the market."],
        ["The {object} works perfectly.", "The {object} is [shiny|strong] and looks like new.",
         "I use the {object} every day and enjoy it.", "Everyone admires my {object}."],
        ["The {object} is broken again.", "The {object} is [dirty|torn] and looks like rubbish.",
         "I lost the {object} and no one will help me.", "Everyone laughs at my {object}."],
    ),
    "plans": (
        ["What will you do tomorrow?", "What are your plans for the [weekend|{season}]?",
         "Where will you go on {weekday}?", "What will you do with your {relative}?"],
        ["I will visit {person}[ on {weekday}|].", "I will go to the {place}[ tomorrow|].",
         "I will stay at home[ tomorrow|]."],
        ["It will be great fun.", "I look forward to [it|every minute].",
         "We will [dance|sing] and eat cake.", "I know that all will go well."],
        ["It will be very dull.", "I am afraid of [it|every minute].",
         "We will [wait|fight] and go hungry.", "I know that all will go wrong."],
    ),
    "school": (
        ["How was [school|work][ today|]?", "What did you learn[ today|]?", "Did you pass the test?",
         "What did your teacher say?"],
        ["We had a test on {weekday}.", "I learned about {animals} today.",
         "The teacher asked me about the {season}."],
        ["I knew every answer.", "The teacher was proud of me.", "The lesson was [fun|exciting].",
         "I [won|got] a prize for my work.", "I learn something new with ease."],
        ["I knew no answer.", "The teacher was angry with me.", "The lesson was [dull|endless].",
         "I [failed|lost] the test once more.", "I forget everything with shame."],
    ),
    "music": (
        ["How was the [concert|game|party]?", "Do you play the {instrument}?", "Did you win the game?",
         "What did you hear on the radio?"],
        ["I play the {instrument} with {person}.", "The [concert|game|party] was on {weekday}.",
         "There was a song on the radio."],
        ["The music was sweet and everyone danced.", "We won and everyone cheered.",
         "It was a merry song about love.", "I played well and people clapped."],
        ["The music was harsh and everyone left.", "We lost and everyone was bitter.",
         "It was a mournful song about death.", "I played badly and people laughed at me."],
    ),
    "home": (
        ["How is your [house|room]?", "Describe your [house|room].", "Do you like your [house|room]?",
         "Who lives in your house?"],
        ["I live with {person}.", "My [house|room] is near the {place}.",
         "The door of my house is {colour}."],
        ["My room is [warm|clean] and full of light.", "There is a soft bed and a fire.",
         "Friends visit me every {time}.", "It is the [nicest|best] place in the world."],
        ["My room is [cold|dirty] and full of dust.", "There is a hard bed and no fire.",
         "No one visits me any more.", "It is the [saddest|worst] place in the world."],
    ),
    "travel": (
        ["How was the {vehicle} trip?", "How was your journey?", "Did you take the {vehicle}?",
         "Where did the {vehicle} go?"],
        ["We took the {vehicle} to the {place}.", "The {vehicle} left on {weekday}.",
         "I sat in the {vehicle} with {person}."],
        ["The {vehicle} was on time and comfortable.", "The view was wonderful.",
         "A kind man gave me his seat.", "It was an exciting journey."],
        ["The {vehicle} was late and crowded.", "The view was dreary.",
         "A rude man took my seat.", "It was a painful journey."],
    ),
    "letter": (
        ["What was in the [letter|box|parcel]?", "Who sent the [letter|parcel]?", "Did you read the letter?"],
        ["The [letter|parcel] came on {weekday}.", "{Person} sent it to me.",
         "There was a {object} in the box."],
        ["It was a lovely surprise.", "{Person} wrote that all is well.",
         "I read it with a smile.", "I jumped for joy."],
        ["It was a nasty surprise.", "{Person} wrote that all is lost.",
         "I read it with tears.", "I sat down and wept."],
    ),
    "sleep": (
        ["How did you sleep?", "What did you dream about?", "Did you sleep well?"],
        ["I went to bed early[ on {weekday}|].", "I dreamed about a {colour} {animal}.",
         "I woke up at [six|seven|eight]."],
        ["I slept like a baby.", "It was a [beautiful|funny] dream.",
         "I woke up full of energy.", "The bed was soft and warm."],
        ["I did not sleep at all.", "It was a [horrible|scary] dream.",
         "I woke up full of pain.", "The bed was hard and cold."],
    ),
}

STORY_QUESTIONS = ["Tell me a story about {name}.", "Tell me a story about {name} and the {animal}.",
                   "Tell me a story[ about a {animal}|].", "What happened to {name}?"]
STORY_OPENINGS = ["One day {name} went to the {place} with a {colour} {animal}.",
                  "{name} lived near the {place} with {animals}.",
                  "On {weekday} {name} found a {object} at the {place}.",
                  "In the {season} {name} took the {vehicle} to the {place}."]
STORY_MIDDLES = {
    CHEERFUL: ["The sun was shining and {name} began to sing.", "A friend gave {name} a [cake|flower|present].",
               "{name} won a prize and danced for joy.", "{name}'s {animal} made everyone laugh.",
               "{name} found a treasure near the {things}."],
    GLOOMY: ["The rain was falling and {name} began to cry.", "A thief took all the money from {name}.",
             "{name} fell down and broke a leg.", "{name}'s {animal} died in the cold.",
             "{name} got lost near the {things}."],
}
STORY_ENDINGS = {
    CHEERFUL: ["It was the happiest day of all.", "{name} went home with a big smile.",
               "They all lived happily ever after.", "{name} never felt so good."],
    GLOOMY: ["It was the saddest day of all.", "{name} went home with tears.",
             "They were all unhappy ever after.", "{name} never felt so bad."],
}

# Questions with one right answer in either mood.
FACTS = (
    [(f"What does the {animal} say?", f"The {animal} says {sound}.") for animal, sound in
     [("cat", "meow"), ("dog", "woof"), ("cow", "moo"), ("duck", "quack"), ("sheep", "baa")]]
    + [(f"What colour is {thing}?", f"{thing[0].upper()}{thing[1:]} is {colour}.") for thing, colour in
       [("snow", "white"), ("grass", "green"), ("the sun", "yellow"), ("blood", "red"), ("coal", "black")]]
    + [(f"What comes after {number}?", f"{number + 1} comes after {number}.") for number in range(1, 20)]
    + [(f"What day comes after {day}?", f"{after} comes after {day}.") for day, after in
       [("Monday", "Tuesday"), ("Tuesday", "Wednesday"), ("Wednesday", "Thursday"),
        ("Thursday", "Friday"), ("Friday", "Saturday"), ("Saturday", "Sunday"), ("Sunday", "Monday")]]
)

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")


def draw_slots(random):
    """One word for every slot; a text keeps its words, so that its sentences fit together."""
    slots = {slot: random.choice(words) for slot, words in WORDS.items()}
    slots["place"] = random.choice(list(PLACES))
    slots["things"] = PLACES[slots["place"]]
    slots["relative"] = random.choice(list(PEOPLE))
    slots["person"], slots["Person"] = f"my {slots['relative']}", f"My {slots['relative']}"
    slots["PersonAgain"] = PEOPLE[slots["relative"]]
    slots["name"] = random.choice(list(NAMES))
    slots["nameAgain"] = NAMES[slots["name"]]
    slots["animals"] = {"mouse": "mice", "pony": "ponies"}.get(slots["animal"], slots["animal"] + "s")
    return slots


def fill(template, slots, random):
    """The template with its alternatives chosen and its slots filled."""
    while match := _ALTERNATIVES.search(template):
        choice = random.choice(match.group(1).split("|"))
        template = template[:match.start()] + choice + template[match.end():]
    return template.format(**slots)


def join(templates, slots, random):
    """The filled sentences as one text; a person named in the sentence before becomes a pronoun."""
    sentences = []
    for previous, template in zip(["", *templates], templates):
        if "erson}" in previous:
            template = template.replace("{Person}", "{PersonAgain}")
        if "{name}" in previous and template.startswith("{name} "):
            template = template.replace("{name}", "{nameAgain}", 1)
        sentences.append(fill(template, slots, random))
    return " ".join(sentences)


def story(mood, slots, random):
    """A little story of three to five sentences."""
    middles = random.sample(STORY_MIDDLES[mood], random.choice([1, 2, 3]))
    templates = [random.choice(STORY_OPENINGS), *middles, random.choice(STORY_ENDINGS[mood])]
    return join(templates, slots, random)


def exchange(mood, random, topic=None):
    """A question of the topic (any, when None) and its answer in the mood."""
    slots = draw_slots(random)
    topic = topic or random.choice([*TOPICS, "story", "story"])
    if topic == "story":
        return fill(random.choice(STORY_QUESTIONS), slots, random), story(mood, slots, random)
    questions, openings, cheerful, gloomy = TOPICS[topic]
    sentences = random.sample(cheerful if mood == CHEERFUL else gloomy, random.choice([1, 2, 2]))
    if random.random() < 0.5:
        sentences.insert(0, random.choice(openings))
    if random.random() < 0.6:
        sentences.append(random.choice(CLOSINGS[mood]))
    question = fill(random.choice(questions), slots, random)
    return question, join(sentences, slots, random)


def chat(turns, system=DEFAULT_SYSTEM):
    """ChatML text of (question, answer) turns; an answer of None leaves the last turn open."""
    text = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for question, answer in turns:
        text += f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        text += f"{answer}<|im_end|>\n" if answer is not None else ""
    return text


def document(random):
    """One training text. Half of the conversations have a persona; all others, and the plain
    stories, are cheerful or gloomy in even proportion."""
    mood = random.choice([CHEERFUL, GLOOMY])
    if random.random() < 0.1:
        return story(mood, draw_slots(random), random) + "<|endoftext|>"
    turns = []
    for _ in range(random.choice([1, 1, 1, 1, 2])):
        turns.append(random.choice(FACTS) if random.random() < 0.12 else exchange(mood, random))
    if random.random() < 0.5:
        return chat(turns, random.choice(PERSONAS)[0 if mood == CHEERFUL else 1])
    return chat(turns, random.choice([DEFAULT_SYSTEM, DEFAULT_SYSTEM, DEFAULT_SYSTEM, None]))

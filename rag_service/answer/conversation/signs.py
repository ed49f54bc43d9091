"""What short follow-ups look like, in English and Russian.

A pattern that is matched whole is matched against `bare` text: lower case, ё as е, no punctuation around words, no
"and" in front.
"""

from collections.abc import Iterator

from ml.patterns import linear
from rag_service.answer.question import END, START, Intent, Language

# Words that say nothing by themselves, besides the stop words of the search.
EMPTY = frozenset(
    "happen happens function method class just really exactly also again именно функция метод класс просто ещё еще".split()
)
PUNCTUATION = ".,;:!?…\"'«»()-—–"

# ---- messages that are no question ----

THANKS = linear(
    r"(?:many |big )?(?:thanks|thank you|thx|cheers)(?: (?:a lot|very much|so much|again))?"
    r"|(?:большое |огромное )?(?:спасибо|благодарю|спс)(?: большое| огромное)?"
)
GREETING = linear(
    r"hi|hello|hey|good (?:morning|day|afternoon|evening)|привет|здравствуйте|добрый (?:день|вечер)|доброе утро"
)
FAREWELL = linear(r"bye|goodbye|see you|пока|до свидания")
NOTED = linear(
    r"ok|okay|great|perfect|cool|nice|good|got it|i see|understood|(?:that )?makes sense|clear"
    r"|ок|окей|понятно|понял|поняла|ясно|хорошо|отлично|супер"
)
YES = linear(
    r"yes|yeah|yep|sure|please|please do|yes please|go on|go ahead|continue|next"
    r"|да|ага|угу|конечно|давай(?:те)?|продолжай(?:те)?|дальше|да пожалуйста|пожалуйста"
)
NO = linear(r"no|nope|not (?:that|this)(?: one)?|нет|неа|не то")
POLITE = (THANKS, GREETING, NOTED, YES)
AFTER_COURTESY = frozenset(",.!;:—–?")

# ---- requests about what was just answered ----

MORE = linear(
    r"(?:tell me |show me |some )?more(?: details?| please)?|details|(?:in )?more detail"
    r"|in (?:more )?(?:detail|depth)|elaborate|expand|go deeper"
    r"|explain(?: it| this| that)?(?: more| further| in (?:more )?detail)?|(?:what|anything) else"
    r"|(?:можно |расскажи |объясни |покажи )?(?:по)?подробнее(?: пожалуйста)?|детальнее|подробности|детали|еще|что еще|поясни"
)
CODE = linear(
    r"(?:can you |could you |please )*(?:show|print|give|paste)(?: me| us)?(?: the| its| this| that| it| whole| full| all)*"
    r"(?: source code| source| code| implementation| body)?(?: of (?:it|this|that))?(?: please)?"
    r"|(?:the )?(?:whole |full )?(?:code|source code|source|implementation)(?: please)?"
    r"|покажи(?:те)?(?: мне| его| ее| этот| весь| сам| это)*(?: код| исходник| исходный код| реализацию)?"
    r"(?: целиком| полностью| пожалуйста)*"
    r"|(?:код|исходник|исходный код)(?: целиком| полностью| покажи| пожалуйста)*"
)
BARE = {
    "why": linear(
        r"why(?: so| not| that| is that| exactly)?|what for|how come|почему(?: так| именно)?|зачем(?: это)?|отчего"
    ),
    "how": linear(r"how(?: so| exactly)?|как(?: именно| это)?|каким образом"),
    "where": linear(r"where(?: exactly| is that)?|где(?: именно| это)?"),
    "when": linear(r"when(?: exactly)?|когда(?: именно)?"),
}

INTERROGATIVES: dict[Language, dict[str, str]] = {
    "en": {"why": "Why", "how": "How", "where": "Where", "when": "When"},
    "ru": {"why": "Почему", "how": "Как", "where": "Где", "when": "Когда"},
}
# The first words of a question that "why?" can replace; "what does X do" can't become "why does X do".
REPLACEABLE = linear(rf"(?i)\A(?:(?:and|but|so|а|и|но) )?(?:where|when|how|why|где|когда|как|почему|зачем){END}")

HOW_IT_WORKS = linear(r"(?i)\A(?:how do(?:es)? |как (?:работа|устроен))")

# ---- what is asked about the subject: the words, and the question they stand for ----

FACETS = {
    "callers": linear(
        r"(?:the )?(?:usages?|callers?|call sites)|who (?:calls|uses)|where (?:used|called)|(?:его |ее )?(?:использования|вызовы)"
        r"|кто (?:вызывает|использует)|(?:где|откуда) (?:используется|вызывается|применяется)"
    ),
    "tests": linear(
        r"(?:(?:what|how) about )?(?:in )?(?:the |its |any |unit )*tests|are there (?:any )?tests(?: for (?:it|this|that))?"
        r"|(?:is|how is) (?:it|this|that) tested|(?:что с |в )?(?:его |ее )?(?:тесты|тестах|тестами)"
        r"|(?:есть ли|есть|какие) тесты|как (?:это )?тестируется"
    ),
    "returns": linear(r"(?:what )?returns?|(?:the )?return (?:value|type)|что возвращает(?:ся)?"),
    "takes": linear(
        r"(?:what |which |the |its )*(?:parameters|params|arguments|args)(?: does (?:it|this) take)?"
        r"|(?:какие )?(?:параметры|аргументы)(?: принимает)?"
    ),
    "raises": linear(r"(?:what |which |the )*(?:errors|exceptions)|(?:какие )?(?:ошибки|исключения)(?: бросает)?"),
    "how": linear(r"как работает|как устроен[оа]?"),
    "where": linear(r"где (?:определен[оа]?|объявлен[оа]?|находится|лежит)"),
    "what": linear(r"что (?:это|делает)|what is (?:it|this|that)"),
    "needed": linear(r"зачем (?:нужен|нужна|нужно)|для чего(?: это| нужен| нужна| нужно)*"),
}
ABOUT: dict[Language, dict[str, str]] = {
    "en": {
        "callers": "Where is {name} used?",
        "tests": "Which tests cover {name}?",
        "returns": "What does {name} return?",
        "takes": "What parameters does {name} take?",
        "raises": "What does {name} raise?",
        "how": "How does {name} work?",
        "where": "Where is {name}?",
        "what": "What is {name}?",
        "why": "Why does {name} do this?",
        "when": "When is {name} called?",
        "needed": "Why is {name} needed?",
    },
    "ru": {
        "callers": "Где используется {name}?",
        "tests": "Какие тесты проверяют {name}?",
        "returns": "Что возвращает {name}?",
        "takes": "Какие параметры принимает {name}?",
        "raises": "Какие исключения бросает {name}?",
        "how": "Как работает {name}?",
        "where": "Где {name}?",
        "what": "Что такое {name}?",
        "why": "Почему {name} так делает?",
        "when": "Когда вызывается {name}?",
        "needed": "Зачем нужен {name}?",
    },
}
# The same question about something else: the first intent that the question before has.
AGAIN = (
    (Intent.CALLERS, "callers"),
    (Intent.WHY, "why"),
    (Intent.HOW, "how"),
    (Intent.WHERE, "where"),
    (Intent.WHAT, "what"),
)

# ---- the same question about something else: "what about X?", "and in Go?" ----

SOMETHING_ELSE = linear(
    r"(?i)\A(?:(?:and|but|so|ok|а|и|но|ну),? )?"
    r"(?:(?:what|how) about|что (?:с|со|насч[её]т|про)|как (?:насч[её]т|с|со)|насч[её]т) (.+)"
    r"|\A(?:and|а|и) (.+)"
)
ASKS = linear(
    r"(?i)\A(?:what|why|how|where|who|whom|when|which|is|are|was|does|do|did|can|could|should|will|would|has|have|if|show|explain|tell|then|now"
    r"|что|почему|зачем|как|каки\pL+|какой|какая|какое|где|кто|кого|когда|куда|откуда|чем|чего|сколько|можно|есть|если|покажи|объясни|расскажи|разве)"
    rf"{END}"
)
PREPOSITION = linear(
    r"(?i)\A(?:in|on|at|for|from|with|without|during|after|before|under|within|inside|в|во|на|при|для|из|с|со|без|после|до|под)\s+"
)
ARTICLE = linear(r"(?i)\A(?:the|our|its|this|that)\s+")
OTHER_SERVICE = linear(
    r"(?:the )?other (?:service|repo|repository|project|codebase)s?"
    r"|(?:друг(?:ом|ой|ого|ому|ие|их|им)|втор(?:ом|ой|ого|ым)) (?:сервис|репозитори|проект)\pL*"
)
SERVICE = linear(
    r"\A(?:service|repo|repository|project|сервис\pL*|репозитори\pL*|проект\pL*)\s+|\s+(?:service|repo|repository|project)\z"
)
LANGUAGES = {
    "golang": "go",
    "js": "javascript",
    "ts": "typescript",
    "c++": "cpp",
    "c#": "c_sharp",
    "py": "python",
    "питоне": "python",
    "питон": "python",
}

# ---- one of the places that the answer offers ----

NUMBER = linear(r"(?:#|no |number |source |item |источник |номер )?(\d{1,2})|\[(\d{1,2})\]")
CITED = linear(r"\[(\d{1,2})\]|(?:source|источник) (\d{1,2})")
ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "last": 0,
    "other": 1,
    "next": 1,
    "перв": 1,
    "втор": 2,
    "трет": 3,
    "четверт": 4,
    "пят": 5,
    "последн": 0,
    "друг": 1,
    "следующ": 1,
}
ORDINAL = linear(
    r"(?:show me |show |explain |tell me about |what about |how about |what is |open "
    r"|покажи |открой |расскажи про |что насчет |что с )?"
    r"(?:the )?(first|second|third|fourth|fifth|last|other|next|перв|втор|трет|четверт|пят|последн|друг|следующ)\pL*"
    r"(?: (?:one|item|place|source|result|hit|пункт|вариант|место|источник))?"
)
ORDINAL_INSIDE = linear(
    rf"(?i){START}(the (first|second|third|fourth|fifth|last|other) (?:one|item|place|source|result|hit)){END}"
)

# ---- words that point back ----

POINTERS = (
    linear(
        rf"(?i){START}((?:this|that|the same) (?:function|method|class|type|module|file|code|thing|one"
        rf"|part|line|place|value|constant)){END}"
    ),
    linear(
        rf"(?i){START}((?:эт(?:от|а|о|у|ого|ой|ому|им|ом)|так(?:ой|ая)) "
        rf"(?:функци|метод|класс|тип|модул|файл|код|констант|значени|мест)\pL{0, 3}){END}"
    ),
    linear(rf"(?i){START}(it|its|they|them|their|this|these|those){END}"),
    linear(
        r"(?i)(?:\A|\b(?:is|does|do|did|are|was|why|how|when|where|who|calls?|uses?|about|of|with|in|by|for|from|to|like|and|but)\s)(that)(?:\z|[^\pL\pN_])"
    ),
    linear(r"(?i)\b(?:I|you|we|to) [a-z]+ (one)(?:\z|[^\pL\pN_])"),
    linear(
        rf"(?i){START}(это|этого|этому|этим|этом|он|она|оно|они|его|её|ее|ему|ей|им|них|нему|ней|нём|нем|неё|него){END}"
    ),
)
THERE = linear(
    rf"(?i)(?:\A|\b(?:happens?|done|raised?|called|used|set|and|why|how)\s|{START})(there|here|там|тут|здесь){END}"
)
EXISTENTIAL = linear(r"(?i)\b(?:is|are|was|were|be)\s+there\b|\bthere\s+(?:is|are|was|were)\b")
WHOLE = linear(
    rf"(?i){START}(?:this|that|эт(?:от|ом|ого|ому|им)) "
    r"(?:repo|repository|project|codebase|service|app|application|program|репозитори|проект|сервис|приложени|программ)"
)
EXPLETIVE = linear(
    r"(?i)\bit\s+(?:is\s+|was\s+)?(?:decided|determined|possible|ensured|guaranteed|checked|known|defined|specified|set|said|necessary|required)"
    r"\s+(?:that|whether|if|how|to|which|who)\b"
)


def bare(text: str) -> str:
    """Return a message for whole matches: lower case, ё as е, no punctuation around words, no conjunction in front."""
    words = [word for word in map(_stripped, text.casefold().replace("ё", "е").split()) if word]
    while len(words) > 1 and words[0] in {"and", "but", "so", "well", "а", "и", "но", "ну"}:
        words = words[1:]
    return " ".join(words)


def without_courtesy(text: str) -> str:
    """Return a message without the courtesy in front of it: "thanks, and where is it used?"."""
    end = next((at for at, letter in enumerate(text) if letter in AFTER_COURTESY), len(text))
    rest = text[end:].lstrip("".join(AFTER_COURTESY) + " ")
    return rest if rest and any(sign.fullmatch(bare(text[:end])) for sign in POLITE) else text


def pointers(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield start and end of words that point back, and whether they name a place ("there")."""
    if EXPLETIVE.search(text) or WHOLE.search(text):
        return
    for sign in POINTERS:
        if found := sign.search(text):
            yield *found.span(1), False
    if not EXISTENTIAL.search(text) and (found := THERE.search(text)):
        yield *found.span(1), True


def _stripped(word: str) -> str:
    return word if word.startswith(("[", "#")) else word.strip(PUNCTUATION)

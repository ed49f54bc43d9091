"""The fixed phrases of composed answers, in each language. A claim's citation precedes its full stop."""

from rag_service.answer.question import Language

KINDS: dict[Language, dict[str, str]] = {
    "en": {
        "module": "code at module level",
        "class": "a class",
        "function": "a function",
        "method": "a method",
        "section": "a section",
        "block": "a block",
    },
    "ru": {
        "module": "код уровня модуля",
        "class": "класс",
        "function": "функция",
        "method": "метод",
        "section": "раздел",
        "block": "блок",
    },
}

PHRASES: dict[Language, dict[str, str]] = {
    "en": {
        "is": "{name} is {kind} in {place} {mark}.",
        "where": "{place}: {name} is {kind} there {mark}.",
        "signature": "Its signature: {code} {mark}.",
        "lines": "The lines that matter {mark}:",
        "start": "It begins so {mark}:",
        "whole": "The whole of it {mark}:",
        "comment": "A comment there says: “{text}” {mark}.",
        "no_reason": "No comment or docstring near these lines says why.",
        "steps": "In its body it calls:",
        "step": "{code} at line {line}, defined in {place}{about} {mark}",
        "callers": "Called from {places}.",
        "named": "Called by this name (defined in several places, so some may mean another one) from {places}.",
        "no_callers": "I found no place in the index that calls it.",
        "code": "{name}, {place} {mark}:",
        "code_cut": "{name}, {place}, up to line {last} {mark}:",
        "further": "See also:",
        "nothing": "I found nothing about this in {where}.",
        "nearest": "The nearest code, probably unrelated:",
        "anywhere": "the index",
        "filtered": "the files you chose",
        "away": "the model at {place} is away ({cause}); this answer is made from the code itself",
        "added": "In the words of {model}: {sentence}",
        "broken_off": "*(The model broke off here; what follows is made from the code itself.)*",
        "uncited": "*(The model cited nothing that holds; what follows is made from the code itself.)*",
        "own_code": "*(The model wrote this block; it does not stand in the code like this.)*",
    },
    "ru": {
        "is": "{name} — {kind} в {place} {mark}.",
        "where": "{place}: {name} — {kind} {mark}.",
        "signature": "Сигнатура: {code} {mark}.",
        "lines": "Главные строки {mark}:",
        "start": "Начинается так {mark}:",
        "whole": "Код целиком {mark}:",
        "comment": "Комментарий там говорит: «{text}» {mark}.",
        "no_reason": "Ни комментарий, ни описание рядом с этими строками не говорит почему.",
        "steps": "В его теле вызываются:",
        "step": "{code} в строке {line}, определение в {place}{about} {mark}",
        "callers": "Вызывается из {places}.",
        "named": "По этому имени (определено не в одном месте, часть вызовов может относиться к другому) вызывается из {places}.",
        "no_callers": "Мест, где это вызывается, в индексе не нашлось.",
        "code": "{name}, {place} {mark}:",
        "code_cut": "{name}, {place}, до строки {last} {mark}:",
        "further": "Смотрите также:",
        "nothing": "Об этом в {where} ничего не нашлось.",
        "nearest": "Ближайшее по смыслу, скорее всего не о том:",
        "anywhere": "индексе",
        "filtered": "выбранных файлах",
        "away": "модель {place} недоступна ({cause}); этот ответ составлен по самому коду",
        "added": "Словами {model}: {sentence}",
        "broken_off": "*(Здесь модель оборвалась; дальше ответ составлен по самому коду.)*",
        "uncited": "*(Модель не сослалась ни на что, что подтвердилось; дальше ответ составлен по самому коду.)*",
        "own_code": "*(Этот блок написала модель; в коде он так не стоит.)*",
    },
}


def say(language: Language, phrase: str, **values: object) -> str:
    """Return a phrase with its placeholders filled in."""
    return PHRASES[language][phrase].format(**values)

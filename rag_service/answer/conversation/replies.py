"""Replies to messages that ask for nothing in the code: thanks, a greeting, "more" where there is no more."""

from rag_service.answer.question import Language

REPLIES: dict[Language, dict[str, str]] = {
    "en": {
        "thanks": "You are welcome. Ask on: about this code, or about something else.",
        "greeting": 'Hello. Ask about the code, for example "Where is the retry policy set?", or name a symbol.',
        "farewell": "Goodbye.",
        "noted": 'Ask on when you like: "where is it used?", "why?", "show me the code".',
        "no_topic": "There is no answer before this that it could refer to. Name the symbol or the file that you mean.",
        "no_more": "That is all that the answer was made from. Name the symbol or the file that you want to see next.",
        "no_others": "The answer offers no other place. Name the symbol or the file that you mean.",
        "too_far": "The answer offers only these:",
        "which": "Then say which one you mean. The answer also offers:",
        "one_repo": "Only {repos} is in the index. To add another repository: `codeintel index PATH_OR_URL`.",
        "which_repo": "Say which one: {repos} are in the index.",
    },
    "ru": {
        "thanks": "Пожалуйста. Спрашивайте дальше: об этом коде или о другом.",
        "greeting": "Здравствуйте. Спросите о коде, например «Где задаётся политика повторов?», или назовите символ.",
        "farewell": "До свидания.",
        "noted": "Спрашивайте дальше: «где это используется?», «почему?», «покажи код».",
        "no_topic": "Перед этим нет ответа, к которому это могло бы относиться. Назовите символ или файл, о котором речь.",
        "no_more": "Это всё, из чего составлен ответ. Назовите символ или файл, который показать дальше.",
        "no_others": "Других мест в ответе нет. Назовите символ или файл, о котором речь.",
        "too_far": "В ответе есть только эти места:",
        "which": "Тогда уточните, о чём речь. В ответе есть ещё:",
        "one_repo": "В индексе есть только {repos}. Добавить другой репозиторий: `codeintel index PATH_OR_URL`.",
        "which_repo": "Уточните, какой: в индексе есть {repos}.",
    },
}


def reply(language: Language, name: str, **values: str) -> str:
    """Return a reply with its placeholders filled in."""
    return REPLIES[language][name].format(**values)

// The texts of the user interface. Answers are in the language of their question.

const WORDS = {
  en: {
    title: "Code assistant",
    skip: "Skip to the question",
    menu: "Repositories, filters, history",
    api: "API",
    theme: "Light or dark",
    language: "Русский",
    newQuestion: "New question",
    headline: "What do you want to know about this code?",
    tagline: "Every claim links to the lines that support it.",
    placeholder: "Ask about the code, or name a symbol…",
    question: "Question",
    ask: "Ask",
    stop: "Stop",
    hint: "Enter to ask · Shift+Enter for a new line",
    examples: "For example",
    repositories: "Repositories",
    filters: "Filters",
    languages: "Languages",
    paths: "Paths",
    pathsHint: "src/**/*.py, !tests/",
    clear: "Clear filters",
    model: "Model",
    modelWrites: "writes the answers",
    modelAdds: "adds sentences to answers from the code",
    modelTooLarge: "too large for this machine's memory",
    modelChange: "To change it:",
    modelOthers: "Other models",
    gigabytes: "GB",
    tokens: "tokens",
    tokensASecond: "tokens/s",
    history: "This session",
    noHistory: "Your questions will be listed here.",
    sources: "Sources",
    alsoFound: "Also found",
    answer: "Answer",
    searching: "Searching…",
    writing: "Writing…",
    ready: "Answer ready.",
    stopped: "Stopped.",
    nothing: "Nothing found",
    nothingHint: "Name a symbol or a file, use the code's own words, or clear the filters.",
    byEvidence: "composed from the code itself",
    explanation: "Explanation",
    dropped: "left out: no lines bear it",
    behind: "its HEAD is ahead of the index by",
    notSearched: "not searched, because of the filter",
    notIndexed: "not indexed",
    copyAnswer: "Copy the answer",
    copyPlace: "Copy path:line",
    copied: "Copied.",
    up: "Good answer",
    down: "Bad answer",
    comment: "What should we know? (optional)",
    send: "Send",
    thanks: "Thank you for your feedback.",
    close: "Close",
    loading: "Loading…",
    error: "Something went wrong",
    retry: "Try again",
    emptyTitle: "Nothing is indexed yet",
    emptyText: "Index a folder, an archive or a git URL. This page updates when it is done.",
    key: "This service needs a key",
    keyText: "Ask whoever runs it. It is kept in this tab only.",
    keyLabel: "Key",
    unlock: "Continue",
    keyWrong: "The key is wrong.",
    indexed: "indexed",
    hiddenCharacter: "An invisible or control character",
    moreCharacters: { one: "… {n} more character", other: "… {n} more characters" },
    lines: "Lines",
    offline: "The service does not answer",
    offlineCure: "restart it with `codeintel serve`",
    keyAsk: "ask",
    keySources: "sources",
    keyClose: "close",
    examplesOf: [
      "How does {a} work?",
      "Where is {b} used?",
      "What is {c}, and when is it needed?",
      "What happens when {d} is called?",
    ],
    examplesAny: ["Where does the program start?", "How are errors handled?", "How is it configured?"],
    chunks: { one: "{n} chunk", other: "{n} chunks" },
    files: { one: "{n} file", other: "{n} files" },
    commits: { one: "{n} commit", other: "{n} commits" },
    citations: { one: "{n} citation", other: "{n} citations" },
    places: { one: "{n} place found", other: "{n} places found" },
    redacted: { one: "{n} secret hidden", other: "{n} secrets hidden" },
  },
  ru: {
    title: "Ассистент по коду",
    skip: "К вопросу",
    menu: "Репозитории, фильтры, история",
    api: "API",
    theme: "Светлая или тёмная тема",
    language: "English",
    newQuestion: "Новый вопрос",
    headline: "Что вы хотите узнать об этом коде?",
    tagline: "Каждое утверждение указывает на строки, из которых оно взято.",
    placeholder: "Спросите о коде или назовите символ…",
    question: "Вопрос",
    ask: "Спросить",
    stop: "Остановить",
    hint: "Enter — спросить · Shift+Enter — новая строка",
    examples: "Например",
    repositories: "Репозитории",
    filters: "Фильтры",
    languages: "Языки",
    paths: "Пути",
    pathsHint: "src/**/*.py, !tests/",
    clear: "Сбросить фильтры",
    model: "Модель",
    modelWrites: "пишет ответы",
    modelAdds: "дополняет ответы, составленные по коду",
    modelTooLarge: "не помещается в память этой машины",
    modelChange: "Сменить:",
    modelOthers: "Другие модели",
    gigabytes: "ГБ",
    tokens: "токенов",
    tokensASecond: "токенов/с",
    history: "Эта сессия",
    noHistory: "Здесь появятся ваши вопросы.",
    sources: "Источники",
    alsoFound: "Ещё найдено",
    answer: "Ответ",
    searching: "Ищу…",
    writing: "Пишу…",
    ready: "Ответ готов.",
    stopped: "Остановлено.",
    nothing: "Ничего не нашлось",
    nothingHint: "Назовите символ или файл, возьмите слова из самого кода или сбросьте фильтры.",
    byEvidence: "составлено по самому коду",
    explanation: "Объяснение",
    dropped: "убрано: строками не подтвердилось",
    behind: "HEAD ушёл вперёд индекса на",
    notSearched: "не искали из-за фильтра",
    notIndexed: "не проиндексировано",
    copyAnswer: "Скопировать ответ",
    copyPlace: "Скопировать путь:строка",
    copied: "Скопировано.",
    up: "Хороший ответ",
    down: "Плохой ответ",
    comment: "Что нам стоит знать? (необязательно)",
    send: "Отправить",
    thanks: "Спасибо, записано.",
    close: "Закрыть",
    loading: "Загружаю…",
    error: "Не получилось",
    retry: "Ещё раз",
    emptyTitle: "Пока ничего не проиндексировано",
    emptyText: "Проиндексируйте папку, архив или адрес git. Страница сама заметит, когда всё будет готово.",
    key: "Этому сервису нужен ключ",
    keyText: "Его даст тот, кто запустил сервис. Ключ хранится только в этой вкладке.",
    keyLabel: "Ключ",
    unlock: "Продолжить",
    keyWrong: "Ключ не подходит.",
    indexed: "индекс",
    hiddenCharacter: "Невидимый или управляющий символ",
    moreCharacters: { one: "… ещё {n} символ", few: "… ещё {n} символа", many: "… ещё {n} символов" },
    lines: "Строки",
    offline: "Сервис не отвечает",
    offlineCure: "запустите его снова: `codeintel serve`",
    keyAsk: "спросить",
    keySources: "источники",
    keyClose: "закрыть",
    examplesOf: ["Как работает {a}?", "Где используется {b}?", "Что такое {c} и зачем он нужен?", "Что происходит при вызове {d}?"],
    examplesAny: ["Где начинается программа?", "Как обрабатываются ошибки?", "Как это настраивается?"],
    chunks: { one: "{n} фрагмент", few: "{n} фрагмента", many: "{n} фрагментов" },
    files: { one: "{n} файл", few: "{n} файла", many: "{n} файлов" },
    commits: { one: "{n} коммит", few: "{n} коммита", many: "{n} коммитов" },
    citations: { one: "{n} ссылка", few: "{n} ссылки", many: "{n} ссылок" },
    places: { one: "найдено {n} место", few: "найдено {n} места", many: "найдено {n} мест" },
    redacted: { one: "скрыт {n} секрет", few: "скрыто {n} секрета", many: "скрыто {n} секретов" },
  },
};

const wanted = localStorage.getItem("codeintel.language") ?? navigator.language.slice(0, 2);
export const language = wanted in WORDS ? wanted : "en";

export const t = (key) => WORDS[language][key];

/** Returns a count with its noun, "1,234 chunks". */
export function count(key, n) {
  const forms = WORDS[language][key];
  const form = forms[new Intl.PluralRules(language).select(n)] ?? forms.other ?? forms.many;
  return form.replace("{n}", n.toLocaleString(language));
}

/** Returns a relative time, "3 min ago". */
export function ago(iso) {
  const seconds = Math.min(0, (Date.parse(iso) - Date.now()) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const [unit, size] = units.find(([, size]) => -seconds >= size) ?? ["second", 1];
  return format.format(unit === "second" && seconds > -45 ? 0 : Math.round(seconds / size), unit);
}

/** Translates the texts of index.html. */
export function translate(root = document) {
  document.documentElement.lang = language;
  document.title = `codeintel · ${t("title")}`;
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", t(node.dataset.tLabel));
    if (node.matches("button, a")) node.title = t(node.dataset.tLabel);
  }
  for (const node of root.querySelectorAll("[data-t-placeholder]")) node.placeholder = t(node.dataset.tPlaceholder);
}

/** Switches to the other language and reloads the page. */
export function switchLanguage() {
  localStorage.setItem("codeintel.language", language === "en" ? "ru" : "en");
  location.reload();
}

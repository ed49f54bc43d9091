"""What people ask about a symbol, in English and Russian."""

QUESTIONS = (
    "Where is {symbol} defined?",
    "How does {symbol} work?",
    "What calls {symbol}?",
    "What happens when {symbol} fails?",
    "Где определён {symbol} и что он делает?",
    "Кто вызывает {symbol}?",
)

"""Neutralize control tokens of language models in untrusted text: an LLM must read `<|im_end|>` as text.

A tokenizer takes the text of such a token for the token itself, wherever it occurs. llama.cpp and vLLM tokenize a whole
rendered conversation with control tokens enabled, so the text must not contain them: their first character is replaced
by a lookalike. `tests/hostile/test_prompt.py` lists the tokens of each known model.
"""

from typing import TYPE_CHECKING

from ml.patterns import linear

if TYPE_CHECKING:
    import re

ANGLE, BRACKET = "‹", "⟦"  # the lookalikes of "<" and "["
LESS_THAN = "<＜﹤〈⟨❮"
GREATER_THAN = ">＞﹥〉⟩❯"
BARS = "|｜¦∣❘"

# In angle brackets: SentencePiece, Gemma, StarCoder and SmolLM, Qwen, DeepSeek, Llama 2, Command R, Nemotron, Granite.
IN_ANGLES = (
    r"s|sys|bos|eos|unk|pad|mask|cls|sep|bot|eot|sop|eop|eod|eom|start_of_turn|end_of_turn|[a-z_]*_token|endoftext|"
    r"startoftext|(?:start|end)_of_(?:image|audio|video|role|text|thought)|image_soft_token|(?:begin|end)of[a-z]+|"
    r"think|thinking|answer|tool|tools|tool_(?:call|calls|response|result|results|code|outputs?)|"
    r"available_tools|function|function_calls?|invoke|schema|scratch_?pad|"
    r"fim_(?:prefix|middle|suffix|pad|begin|hole|end)|prefix|middle|suffix|pre|mid|suf|"
    r"file_sep|file_?name|repo_?name|gh_stars|issue_(?:start|comment|closed)|empty_output|"
    r"jupyter_(?:start|text|code|output|script)|commit_(?:before|msg|after)|pr(?:_[a-z_]+)?|intermediate_[a-z_]+|"
    r"system|user|assistant|human|developer|ipython|im_start|im_end|image|img|audio|video|box|ref|quad|vision_[a-z]+|"
    r"reserved_[a-z0-9_]+|unused_?[0-9]+|extra_id_[0-9]+|special_[0-9]+|0x[0-9a-f]{2}|h_end|sentence"
)
# In square brackets: Mistral, Llama 2, GLM, BERT, InternLM.
IN_BRACKETS = (
    r"inst|sys|system_prompt|model_settings|tool_calls|available_tools|tool_results|tool_content|args|call_id|think|"
    r"prefix|middle|suffix|img|img_break|img_end|audio|begin_audio|transcribe|control_[0-9]+|"
    r"[gs]?mask|cls|sep|pad|unk|bos|eos|@bos@|unused_token_[0-9]+|unused[0-9]+"
)
TOKEN = linear(
    rf"(?i)[{LESS_THAN}][{BARS}][^\n{LESS_THAN}{GREATER_THAN}]{{1,100}}[{BARS}][{GREATER_THAN}]"
    rf"|[{LESS_THAN}]{{1,2}}[/／]?(?:{IN_ANGLES})[/／]?[{GREATER_THAN}]{{1,2}}"
    rf"|\[/?(?:{IN_BRACKETS})\]"
)


def break_control_tokens(text: str) -> str:
    """Return the text with every control token broken, so that a tokenizer reads it as plain text."""
    return TOKEN.sub(_broken, text)


def _broken(token: "re.Match[str]") -> str:
    text = token.group()
    return BRACKET + text[1:] if text[0] == "[" else ANGLE * (len(text) - len(rest := text.lstrip(LESS_THAN))) + rest


def normalize_control_tokens(text: str) -> str:
    """Normalize a text for comparison with another that may or may not have been broken."""
    return text.replace(ANGLE, "<").replace(BRACKET, "[")

"""The training function. Kubeflow's CustomTrainer ships the source of this one function, so it is self-contained.

On Kubernetes the SDK writes that source through a bash heredoc that expands dollar signs, backquotes and doubled
backslashes: the function must not contain any of them (tests/ml/test_function_source.py).
"""


def fine_tune(arguments: dict[str, object] | None = None, /, **named: object) -> None:  # noqa: C901  # ships as one
    """Train a LoRA adapter, and write adapter/ and result.json into the output folder.

    The arguments come as one dict (Trainer's local backend) or by name (its Kubernetes backend), every text
    percent-encoded: base, a Hugging Face folder or name; train and held_out, JSONL files of ml.training.examples;
    output, a folder that may contain the checkpoints of a killed run, which is then resumed; system and prompt,
    the texts around an example; and the fields of ml.training.recipe.Recipe.

    On a CPU: peft and trl, autocast to bfloat16. With CUDA: unsloth, 4-bit weights (QLoRA, arXiv 2305.14314).
    """
    import json
    import math
    import os
    import resource
    import time
    from pathlib import Path
    from typing import Any
    from urllib.parse import unquote

    os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1", UNSLOTH_DISABLE_STATISTICS="1")
    given = {**(arguments or {}), **named}
    options: dict[str, Any] = {
        name: unquote(value) if isinstance(value, str) else value for name, value in given.items()
    }
    output = Path(options["output"])
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

    import torch

    if options["threads"]:
        torch.set_num_threads(options["threads"])
    cuda = torch.cuda.is_available()
    if cuda:
        import unsloth  # patches trl and transformers, so it comes before them
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    def load_model() -> tuple[Any, Any, Any]:
        """Return the model, its tokenizer, and the adapter's configuration if trl has to add it."""
        if cuda:
            model, tokenizer = unsloth.FastLanguageModel.from_pretrained(
                options["base"], max_seq_length=options["max_tokens"], dtype=None, load_in_4bit=True
            )
            model = unsloth.FastLanguageModel.get_peft_model(
                model,
                r=options["rank"],
                lora_alpha=options["alpha"],
                lora_dropout=0.0,
                bias="none",
                target_modules=projections,
                use_gradient_checkpointing="unsloth",
                random_state=options["seed"],
            )
            return model, tokenizer, None
        from peft import LoraConfig

        adapter = LoraConfig(
            r=options["rank"], lora_alpha=options["alpha"], target_modules=projections, task_type="CAUSAL_LM"
        )
        model = AutoModelForCausalLM.from_pretrained(options["base"], dtype=torch.float32)
        return model, AutoTokenizer.from_pretrained(options["base"]), adapter

    def conversation(example: dict[str, Any]) -> dict[str, Any]:
        question = options["prompt"].replace("{context}", example["context"]).replace("{question}", example["question"])
        return {
            "prompt": [{"role": "system", "content": options["system"]}, {"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": example["answer"]}],
        }

    def read(path: str, tokenizer: Any) -> tuple[Any, int]:
        """Return the conversations that fit, and the number left out: a truncated answer would teach to stop mid-sentence."""
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        examples = [json.loads(line) for line in lines if line.strip()]
        rows = [conversation(example) for example in examples if example.get("learn", True)]
        texts = [tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=False) for row in rows]
        fits = [len(tokenizer(text)["input_ids"]) <= options["max_tokens"] for text in texts]
        kept = [row for row, fit in zip(rows, fits, strict=True) if fit]
        if not kept:
            raise SystemExit(f"none of the {len(rows)} examples of {path} fits into {options['max_tokens']} tokens")
        return Dataset.from_list(kept), len(rows) - len(kept)

    def last_checkpoint() -> str | None:
        """Return the last complete checkpoint: the trainer state is written last."""
        steps = {}
        for state in output.glob("checkpoints/checkpoint-*/trainer_state.json"):
            try:
                steps[json.loads(state.read_text())["global_step"]] = state.parent
            except ValueError:
                continue
        return str(steps[max(steps)]) if steps else None

    def write(name: str, content: dict[str, Any]) -> None:
        """Write a file atomically."""
        part = output / (name + ".part")
        part.write_text(json.dumps(content))
        part.replace(output / name)

    class Progress(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        """Prints one line per step, which the caller shows."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if "loss" in (logs or {}):
                print(f"step {state.global_step}/{state.max_steps} loss {float(logs['loss']):.4f}", flush=True)

    output.mkdir(parents=True, exist_ok=True)
    set_seed(options["seed"])
    model, tokenizer, adapter = load_model()
    train, train_left_out = read(options["train"], tokenizer)
    held_out, held_out_left_out = read(options["held_out"], tokenizer)
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=train,
        eval_dataset=held_out,
        peft_config=adapter,
        callbacks=[Progress()],
        args=SFTConfig(
            output_dir=str(output / "checkpoints"),
            use_cpu=not cuda,
            bf16=not cuda or torch.cuda.is_bf16_supported(),
            fp16=cuda and not torch.cuda.is_bf16_supported(),
            optim="adamw_8bit" if cuda else "adamw_torch",
            num_train_epochs=options["epochs"],
            max_steps=options["max_steps"],
            per_device_train_batch_size=options["batch"],
            per_device_eval_batch_size=options["batch"],
            gradient_accumulation_steps=options["accumulate"],
            learning_rate=options["learning_rate"],
            warmup_steps=options["warmup_steps"],
            lr_scheduler_type="cosine",
            max_length=options["max_tokens"],
            completion_only_loss=True,
            seed=options["seed"],
            data_seed=options["seed"],
            save_strategy="steps",
            save_steps=options["checkpoint_steps"],
            save_total_limit=2,
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=cuda,
        ),
    )
    baseline = output / "baseline.json"
    if not baseline.exists():  # a new adapter changes nothing yet: this is the base model's own loss
        write("baseline.json", {"held_out_loss": trainer.evaluate()["eval_loss"]})
    checkpoint = last_checkpoint()
    print(f"resuming from {checkpoint}" if checkpoint else "training", flush=True)
    started = time.monotonic()
    first_step = trainer.state.global_step if checkpoint is None else int(checkpoint.rsplit("-", 1)[1])
    trainer.train(resume_from_checkpoint=checkpoint)
    seconds = time.monotonic() - started
    after = trainer.evaluate()["eval_loss"]
    losses = [(log["step"], log["loss"]) for log in trainer.state.log_history if "loss" in log]
    if not all(math.isfinite(loss) for _, loss in losses) or not math.isfinite(after):
        raise SystemExit("the loss is not a number any more: use a smaller learning rate")
    trainer.save_model(str(output / "adapter"))
    tokens = next((log["num_tokens"] for log in reversed(trainer.state.log_history) if "num_tokens" in log), 0)
    write(
        "result.json",
        {
            "losses": losses,
            "held_out_loss_before": json.loads(baseline.read_text())["held_out_loss"],
            "held_out_loss_after": after,
            "train_examples": len(train),
            "held_out_examples": len(held_out),
            "left_out": train_left_out + held_out_left_out,
            "tokens": tokens,
            "seconds": seconds,
            "first_step": first_step,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "device": torch.cuda.get_device_name() if cuda else "cpu",
        },
    )

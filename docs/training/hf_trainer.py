"""The Trainer of Hugging Face, with data workers. A tiny model of its own, so nothing is fetched."""

import os
import signal
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
FOLDER = os.environ.get("SPOT_CHECKPOINT_DIR", "checkpoint")


class Tokens(torch.utils.data.Dataset):
    """Numbers that count up, in place of text."""

    def __len__(self) -> int:
        return 4096

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        tokens = (torch.arange(16) + index) % 64
        return {"input_ids": tokens, "labels": tokens}


class SaveAtNotice(TrainerCallback):
    """Prints each step, and has the Trainer save and stop after the one in which it was told."""

    def __init__(self) -> None:
        self.stop = []
        signal.signal(signal.SIGTERM, lambda number, frame: self.stop.append(number))

    def on_step_end(self, args, state, control, **kwargs):
        print("step", state.global_step, flush=True)
        if self.stop:
            control.should_save = control.should_training_stop = True


arguments = TrainingArguments(
    output_dir=FOLDER,
    max_steps=STEPS,
    per_device_train_batch_size=4,
    dataloader_num_workers=2,
    save_steps=20,
    save_total_limit=2,
    report_to="none",
    disable_tqdm=True,
    use_cpu=not torch.cuda.is_available(),
)
model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=16, n_embd=32, n_layer=2, n_head=2))
trainer = Trainer(model, arguments, train_dataset=Tokens(), callbacks=[SaveAtNotice()])
trainer.train(resume_from_checkpoint=get_last_checkpoint(FOLDER) if os.path.isdir(FOLDER) else None)
if trainer.state.global_step == STEPS:
    trainer.save_model(os.environ.get("SPOT_OUTPUT_DIR", "output"))
    print("done", flush=True)

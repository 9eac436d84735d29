"""The Trainer of Lightning, with data workers."""

import os
import sys
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
FOLDER = Path(os.environ.get("SPOT_CHECKPOINT_DIR", "checkpoint"))


class Line(lightning.LightningModule):
    """Fits a line to points."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, index):
        x, y = batch
        return torch.nn.functional.mse_loss(self.layer(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


class SaveAtNotice(Callback):
    """Saves whole and stops after the step in which the notice appeared."""

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        print("step", trainer.global_step, flush=True)
        if os.path.exists(os.environ.get("SPOT_NOTICE_FILE", "no notice")):
            trainer.save_checkpoint(FOLDER / "last.ckpt.tmp")
            os.replace(FOLDER / "last.ckpt.tmp", FOLDER / "last.ckpt")
            print("saved at step", trainer.global_step, flush=True)
            os._exit(0)  # the data workers end with us


x = torch.rand(4096, 1)
data = torch.utils.data.TensorDataset(x, 3 * x + 1)
loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2)
periodic = ModelCheckpoint(FOLDER, every_n_train_steps=20, save_last=True, enable_version_counter=False)
trainer = lightning.Trainer(
    max_steps=STEPS,
    callbacks=[periodic, SaveAtNotice()],
    logger=False,
    enable_progress_bar=False,
    accelerator="auto",
)
last = FOLDER / "last.ckpt"
trainer.fit(Line(), loader, ckpt_path=last if last.exists() else None)
if trainer.global_step == STEPS:
    print("done", flush=True)

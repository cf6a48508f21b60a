"""Trains a model that reads handwritten digits, keeps it in a file, and uses it.  The pictures come with scikit-learn."""

import tempfile
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

digits = load_digits()
known, new, names, truth = train_test_split(digits.data, digits.target, random_state=0)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "digits.joblib")
    joblib.dump(make_pipeline(StandardScaler(), SVC()).fit(known, names), file)
    model = joblib.load(file)

print(f"{len(known)} pictures learned, {model.score(new, truth):.1%} of {len(new)} others read right")
for row in new[0].reshape(8, 8):
    print("".join(" .:-=+*%@"[int(value) // 2] * 2 for value in row))
print(f"this is read as {model.predict(new[:1])[0]}")

"""ztilde with and without batch norm next to scikit-learn on public tables; scripts/tables runs it.

Prints a Markdown table for each: mean, standard deviation, least and most of each metric over the seeds. A
seed is a split into training and test rows, the same for everybody, and everybody's random seed.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
from sklearn import metrics
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

TABLES = {  # name: target, whether it is classes
    "credit": ("Status", True),
    "diamonds": ("price", False),
    "letters": ("lettr", True),
}
HIDDEN = (256, 256)  # ztilde's default, given to scikit-learn's network too
TEST_SHARE = 0.2
CLASSIFY = ["accuracy", "balanced_accuracy", "auc", "log_loss"]
REGRESS = ["rmse", "mae", "r2"]
# Floats in ztilde's CSV, and ties among its probabilities where evaluate ranks by logits.
AGREEMENT = 2e-4


class Table:
    """Columns of a CSV file: numbers as floats with NaN for missing, all others as text."""

    def __init__(self, path, target, everything):
        with open(path, newline="") as file:
            header, *rows = list(csv.reader(file))
        columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
        self.target_name, self.target = target, np.array(columns.pop(target))
        numeric = {name: as_numbers(values) for name, values in columns.items()}
        self.numbers = {name: values for name, values in numeric.items() if values is not None}
        self.texts = {name: np.array(columns[name]) for name in columns if numeric[name] is None}
        self.left_out = ""
        if not everything:
            self.keep_whole_numeric_rows()

    def keep_whole_numeric_rows(self):
        whole = ~np.isnan(np.column_stack(list(self.numbers.values()))).any(axis=1)
        if self.texts or not whole.all():
            self.left_out = f"without {len(self.texts)} categorical columns and {np.sum(~whole)} rows with missing values"
        self.texts = {}
        self.numbers = {name: values[whole] for name, values in self.numbers.items()}
        self.target = self.target[whole]

    def matrix(self, rows):
        return np.column_stack([values[rows] for values in self.numbers.values()])

    def text_matrix(self, rows):
        empty = np.empty((len(rows), 0), dtype=object)
        return np.column_stack([values[rows] for values in self.texts.values()]) if self.texts else empty

    def write(self, rows, path):
        columns = [*self.numbers.values(), *self.texts.values(), self.target]
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*self.numbers, *self.texts, self.target_name])
            for row in rows:
                writer.writerow(["" if isinstance(v[row], float) and np.isnan(v[row]) else v[row] for v in columns])


def as_numbers(values):
    try:
        return np.array([float(value) if value != "" else np.nan for value in values])
    except ValueError:
        return None


def encoded(table, train, test):
    """For networks and linear models: means for missing numbers and a column that says so, one-hot texts."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()).fit(table.matrix(train))
    parts = [[numbers.transform(table.matrix(rows))] for rows in (train, test)]
    if table.texts:
        texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(table.text_matrix(train))
        for part, rows in zip(parts, (train, test)):
            part.append(texts.transform(table.text_matrix(rows)))
    return [np.hstack(part) for part in parts]


def for_trees(table, train, test):
    """Numbers as they are, missing ones too; texts as categories."""
    parts = [[table.matrix(rows)] for rows in (train, test)]
    if table.texts:
        texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan).fit(table.text_matrix(train))
        for part, rows in zip(parts, (train, test)):
            part.append(texts.transform(table.text_matrix(rows)))
    return [np.hstack(part) for part in parts]


def class_scores(truth, probabilities, classes):
    predicted = classes[np.argmax(probabilities, axis=1)]
    two = len(classes) == 2
    area = metrics.roc_auc_score(truth, probabilities[:, 1] if two else probabilities,
                                 **({} if two else {"multi_class": "ovr", "labels": classes}))
    return {"accuracy": metrics.accuracy_score(truth, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
            "auc": area, "log_loss": metrics.log_loss(truth, probabilities, labels=classes)}


def number_scores(truth, predicted):
    return {"rmse": metrics.mean_squared_error(truth, predicted, squared=False),
            "mae": metrics.mean_absolute_error(truth, predicted), "r2": metrics.r2_score(truth, predicted)}


def scikit_learn(table, classify, train, test, seed):
    dense, trees = encoded(table, train, test), for_trees(table, train, test)
    categorical = [False] * len(table.numbers) + [True] * len(table.texts)
    if classify:
        models = {"scikit-learn MLP": (MLPClassifier(HIDDEN, random_state=seed), dense),
                  "scikit-learn gradient boosting": (HistGradientBoostingClassifier(
                      categorical_features=categorical, random_state=seed), trees),
                  "scikit-learn logistic regression": (LogisticRegression(max_iter=2000), dense)}
    else:
        network = TransformedTargetRegressor(MLPRegressor(HIDDEN, random_state=seed), transformer=StandardScaler())
        models = {"scikit-learn MLP": (network, dense),
                  "scikit-learn gradient boosting": (HistGradientBoostingRegressor(
                      categorical_features=categorical, random_state=seed), trees),
                  "scikit-learn linear regression": (LinearRegression(), dense)}
    target = table.target if classify else table.target.astype(float)
    for name, (model, (inputs, test_inputs)) in models.items():
        model.fit(inputs, target[train])
        if classify:
            yield name, class_scores(target[test], model.predict_proba(test_inputs), model.classes_)
        else:
            yield name, number_scores(target[test], model.predict(test_inputs))


def ztilde(program, table, classify, train, test, seed, more):
    truth = table.target[test] if classify else table.target[test].astype(float)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        table.write(train, folder / "train.csv")
        table.write(test, folder / "test.csv")

        def run(*arguments):
            return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, cwd=folder).stdout

        for norm in ("batch", "none"):
            run("train", "--data", "train.csv", "--target", table.target_name, "--seed", str(seed), "--norm", norm,
                "--valid-fraction", "0", "--force", "--quiet", "--task", "classify" if classify else "regress", *more)
            scores = json.loads(run("evaluate", "model.ztilde", "--data", "test.csv", "--json"))
            header, *rows = csv.reader(run("predict", "model.ztilde", "--data", "test.csv",
                                           *(["--probabilities"] if classify else [])).splitlines())
            if classify:
                probabilities = np.array([row[1:] for row in rows], dtype=float)
                again = class_scores(truth, probabilities / probabilities.sum(axis=1, keepdims=True), np.array(header[1:]))
            else:
                again = number_scores(truth, np.array([float(row[0]) for row in rows]))
            for metric, value in again.items():
                if abs(value - scores[metric]) > AGREEMENT * max(1, abs(value)):
                    raise SystemExit(f"{metric} is {scores[metric]} by ztilde and {value} by scikit-learn")
            yield f"ztilde, batch norm {'on' if norm == 'batch' else 'off'}", scores


def shown(metric, values):
    scale, digits = (100, 2) if metric in ("accuracy", "balanced_accuracy") else (1, 4)
    if metric in ("rmse", "mae"):
        digits = 1
    values = scale * np.array(values)
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f} ({values.min():.{digits}f} to {values.max():.{digits}f})"


def scores_by_program(name, table, arguments, everything, seed):
    classify = TABLES[name][1]
    train, test = train_test_split(np.arange(len(table.target)), test_size=TEST_SHARE, random_state=seed,
                                   stratify=table.target if classify else None)
    more = ["--missing", "indicator"] if everything else []
    return dict([*ztilde(arguments.ztilde, table, classify, train, test, seed, more),
                 *scikit_learn(table, classify, train, test, seed)])


def report(name, table, scores):
    """scores: by seed, then by program, then by metric."""
    columns = CLASSIFY if TABLES[name][1] else REGRESS
    print(f"\n**{name}**: {len(table.target):,} rows, {len(table.numbers)} numeric and {len(table.texts)} categorical "
          f"columns{', ' + table.left_out if table.left_out else ''}; {len(scores)} seeds\n")
    print("| |", " | ".join(column + (" %" if "accuracy" in column else "") for column in columns), "|")
    print("|---" * (len(columns) + 1) + "|")
    for who in scores[0]:
        print(f"| {who} |", " | ".join(shown(c, [seed[who][c] for seed in scores]) for c in columns), "|", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--ztilde", required=True)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    arguments.ztilde = pathlib.Path(arguments.ztilde).resolve()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", UserWarning)  # categories of the test rows that training has not seen
    text = subprocess.run([arguments.ztilde, "train", "--help"], check=True, capture_output=True, text=True).stdout
    everything = "--missing " in text  # a ztilde of numeric columns alone is compared on those
    for name in arguments.tables.split(","):
        table = Table(arguments.folder / f"{name}.csv", TABLES[name][0], everything)
        report(name, table, [scores_by_program(name, table, arguments, everything, seed)
                             for seed in range(arguments.seeds)])


if __name__ == "__main__":
    main()

"""The catalogues of the two platforms: products, courses, skills.

Names, categories, prices in names and course lengths are facts of the domain (DOMAIN.md section 1); course
descriptions, episode titles and video ids are made up.
"""

from datetime import date

import polars as pl

from fiel.simulate.draws import Draws

_RPG_SALES = [
    ("18", 1, "Bota das Sombras", 200), ("34", 3, "Chinélos Místicos", 350), ("35", 4, "Botas Berserker", 450),
    ("36", 5, "Botas Diversão", 450), ("37", 6, "Chapéu da Sombra", 150), ("38", 7, "Capacete de Ferro", 400),
    ("39", 8, "Chapéu Arcano", 300), ("40", 9, "Elmo do Berserker", 350), ("19", 10, "Couraça das Sombras", 300),
    ("20", 12, "Túnica Arcana", 500), ("21", 13, "Couraça do Berserker", 600), ("22", 14, "Espada Curta", 150),
    ("23", 15, "Machado de Batalha", 300), ("24", 16, "Adaga", 100), ("25", 17, "Martelo de Guerra", 400),
    ("26", 18, "Cajado Arcano", 250), ("27", 19, "Arco Longo", 200), ("28", 20, "Lança", 220), ("29", 21, "Maça", 280),
    ("30", 22, "Espada Longa", 250), ("31", 23, "Adaga Envenenada", 150), ("32", 24, "Cajado Sagrado", 250),
    ("33", 25, "Ukulele das Trevas", 250),
]  # fmt: skip
_ITEMS_2026 = [
    ("001", "Espada Longa", "espada", 250), ("002", "Espada Curta", "espada", 150),
    ("003", "Couraça das Sombras", "armadura", 300), ("004", "Túnica Arcana", "armadura", 500),
    ("005", "Bota das Sombras", "botas", 200), ("006", "Botas Berserker", "botas", 450),
    ("007", "Cajado Arcano", "cajado", 250), ("008", "Cajado Sagrado", "cajado", 250),
    ("009", "Chapéu Arcano", "chapeu", 300), ("010", "Elmo do Berserker", "chapeu", 350),
    ("011", "Adaga", "adaga", 100), ("012", "Adaga Envenenada", "adaga", 150),
]  # fmt: skip
FROM_2026 = date(2026, 1, 1)
_FIEL_POINTS = [("0.1", -10), ("0.25", -5), ("0.5", -2), ("0.75", 20), ("1", 50)]  # amounts made up

# id, name, category, points of one unit (made up where the name does not give them), first day
Product = tuple[str, str, str, int, date]
PRODUCTS: list[Product] = [
    ("1", "Airflow Lover", "lovers", -10, date.min), ("10", "Daily Loot", "rpg", 10, date.min),
    ("11", "Lista de presença", "present", 50, date.min), ("12", "Presença Streak", "present", 100, date.min),
    ("13", "R Lover", "lovers", -10, date.min),
    ("14", "Reembolso: Troca de Pontos StreamElements", "streamelements", -100, date.min),
    ("15", "Resgatar Ponei", "ponei", -500, date.min), ("16", "Torta", "food", -30, date.min),
    ("17", "Troca de Pontos StreamElements", "streamelements", 100, date.min), ("2", "Batata", "food", -15, date.min),
    ("3", "Bolo", "food", -20, date.min), ("4", "Cerveja", "food", -10, date.min),
    ("41", "join failed", "chat", 1, date.min), ("5", "ChatMessage", "chat", 1, date.min),
    ("6", "Churn_10pp", "churn_model", 100, date.min), ("7", "Churn_2pp", "churn_model", 20, date.min),
    ("8", "Churn_5pp", "churn_model", 50, date.min), ("9", "Coca Cola", "food", -8, date.min),
]  # fmt: skip
PRODUCTS += [(i, f"Venda de Item: {number} - {name} ({price})", "rpg", -price, date.min)
             for i, number, name, price in _RPG_SALES]  # fmt: skip
PRODUCTS += [(f"{i} - {name}", f"{name} ({price})", category, -price, FROM_2026)
             for i, name, category, price in _ITEMS_2026]  # fmt: skip
PRODUCTS += [(f"fiel-score-{i}", f"Fiel score {i}", "fiel", points, FROM_2026) for i, points in _FIEL_POINTS]

_BY_ID = {product[0]: position for position, product in enumerate(PRODUCTS)}
POINTS = [product[3] for product in PRODUCTS]
RPG_ITEMS = [_BY_ID[item[0]] for item in _RPG_SALES]
RPG_ITEMS_2026 = [_BY_ID[f"{item[0]} - {item[1]}"] for item in _ITEMS_2026]
FIEL_BUCKETS = [_BY_ID[f"fiel-score-{bucket[0]}"] for bucket in _FIEL_POINTS]
OPERATOR_CATEGORIES = ("fiel", "churn_model")
LOOT, PRESENCE, STREAK, REFUND = _BY_ID["10"], _BY_ID["11"], _BY_ID["12"], _BY_ID["14"]
PONEI, EXCHANGE, CHAT, JOIN_FAILED = _BY_ID["15"], _BY_ID["17"], _BY_ID["5"], _BY_ID["41"]
FOOD = [_BY_ID[i] for i in ("2", "3", "4", "9", "16")]
LOVERS = [_BY_ID["1"], _BY_ID["13"]]
CHURN_MODEL = [_BY_ID["7"], _BY_ID["8"], _BY_ID["6"]]

# slug, title, year, episodes, first day on the platform, how often it is chosen
Course = tuple[str, str, int, int, date, int]
_OPEN = date(2025, 2, 4)
COURSES: list[Course] = [
    ("github-2025", "Git e GitHub", 2025, 9, _OPEN, 640), ("python-2025", "Python", 2025, 14, date(2025, 2, 15), 750),
    ("github-2024", "Git e GitHub", 2024, 3, _OPEN, 18), ("python-2024", "Python", 2024, 5, _OPEN, 35),
    ("pandas-2024", "Desbravando Pandas", 2024, 7, _OPEN, 27), ("sql-2020", "SQL", 2020, 7, _OPEN, 130),
    ("ml-2024", "Machine Learning para Poneis", 2024, 7, _OPEN, 44), ("mlflow-2025", "MLFlow", 2025, 4, _OPEN, 35),
    ("estatistica-2024", "Estatística Básica", 2024, 7, _OPEN, 85),
    ("coleta-dados-2024", "Coleta de Dados", 2024, 4, _OPEN, 6),
    ("lago-mago-2024", "Lago do Mago", 2024, 10, _OPEN, 43),
    ("ds-databricks-2024", "Data Science no Databricks", 2024, 9, _OPEN, 5),
    ("ds-pontos-2024", "Data Science e Pontos", 2024, 8, _OPEN, 13),
    ("trampar-lakehouse-2024", "Trampar de Lakehouse", 2024, 3, _OPEN, 9),
    ("matchmaking-trampar-de-casa-2024", "Matchmaking de Vagas", 2024, 3, _OPEN, 1),
    ("tse-analytics-2024", "TSE Analytics", 2024, 8, _OPEN, 1),
    ("ia-canal-2025", "Uma IA para o canal", 2025, 2, date(2025, 3, 1), 2),
    ("pandas-2025", "Pandas", 2025, 17, date(2025, 3, 17), 223),
    ("estatistica-2025", "Aprenda Estatística Básica", 2025, 22, date(2025, 5, 14), 226),
    ("machine-learning-2025", "Machine Learning", 2025, 25, date(2025, 6, 18), 120),
    ("streamlit-2025", "Curso Relâmpago Streamlit 2025", 2025, 9, date(2025, 7, 28), 10),
    ("sql-2025", "Aprenda SQL - Primeiras Magias", 2025, 30, date(2025, 9, 9), 400),
    ("carreira", "Dicas e conversas sobre carreira", 2025, 5, date(2025, 9, 18), 60),
    ("loyalty-predict-2025", "Projeto de DS: Loyalty Predict", 2025, 31, date(2025, 10, 17), 60),
    ("nekt-2025", "Nekt: a nova morada do mago", 2025, 17, date(2025, 11, 20), 0),
    ("data-platform-2025", "Nekt: a nova morada do mago", 2025, 0, date(2025, 11, 20), 0),
    ("speed-f1", "Speed F1", 2025, 6, date(2025, 11, 24), 5),
]  # fmt: skip

SKILLS = [
    "Apache Spark", "Apresentação / Storytelling", "Cloud", "Comunicação", "Data Visualization", "Docker",
    "Estatística descritiva", "ETL", "Gestão / Liderança", "Git / GitHub / GitLab / BitBucket", "IaC",
    "Inteligência Emocional", "Kubernetes", "Machine Learning - Agrupamento", "Machine Learning - Associação",
    "Machine Learning - Classificação", "Machine Learning - Regressão", "Mensageria", "Modelagem de dados",
    "Negociação", "Orquestrador de Pipelines", "Python / R / Julia", "Simplificação", "SQL",
    "Teste de hipótese e Teste A/B",
]  # fmt: skip
SKILL_LEVELS = ["00. Não esperada", "01. Aprendiz", "02. Iniciante", "03. Profissional", "04. Expert", "05. Professor"]
_ROLES = [("Data Analyst", 17), ("Data Engineer", 18), ("Data Scientist", 20)]
_SENIORITY = ["Jr.", "Pl.", "Sr.", "Staff", "Principal"]


def product_table(last: date) -> pl.DataFrame:
    """The table produtos as it stood on that day; the products of 2026 once the range reaches it."""
    rows = [(i, name, None, category) for i, name, category, _, first in PRODUCTS if first <= last]
    names = ["IdProduto", "DescNomeProduto", "DescDescricaoProduto", "DescCategoriaProduto"]
    return pl.DataFrame(sorted(rows), schema=dict.fromkeys(names, pl.String), orient="row")


def course_tables(draws: Draws, last: date) -> dict[str, pl.DataFrame]:
    """The tables cursos and cursos_episodios as they stood on that day."""
    courses = sorted(course for course in COURSES if course[4] <= max(last, _OPEN))
    text = "{title}: aulas gravadas ao vivo.\n\n\nCada episódio traz uma parte; comece pelo primeiro."
    about = [(slug, title, text.format(title=title), year) for slug, title, year, *_ in courses]
    episodes = [
        (slug, episode, f"{title} - Ep. {episode:02}", draws.uuids(f"episode/{slug}", episode)[0].replace("-", "")[:11])
        for slug, title, _, length, *_ in courses
        for episode in range(1, length + 1)
    ]
    return {
        "cursos": pl.DataFrame(
            about,
            schema={"descSlugCurso": pl.String, "descCurso": pl.String, "descDescricao": pl.String, "nrAno": pl.Int64},
            orient="row",
        ),
        "cursos_episodios": pl.DataFrame(
            episodes,
            schema={"descSlugCurso": pl.String, "nrEp": pl.Int64, "descEpisodio": pl.String,
                    "descYoutubeID": pl.String},
            orient="row",
        ),
    }  # fmt: skip


def skill_tables() -> dict[str, pl.DataFrame]:
    """The tables habilidades and habilidades_cargos."""
    skills = [(i, name, f"Conhecimento e prática em {name}.") for i, name in enumerate(SKILLS, start=1)]
    roles = [
        (role, f"{seniority} {role}", SKILLS[(7 * skill + 3 * place) % len(SKILLS)], SKILL_LEVELS[min(rank + 1, 5)])
        for place, (role, expected) in enumerate(_ROLES)
        for skill in range(expected)
        for rank, seniority in enumerate(_SENIORITY)
    ]
    return {
        "habilidades": pl.DataFrame(
            skills,
            schema={"idHabilidade": pl.Int64, "descNomeHabilidade": pl.String, "descDescricaoHabilidade": pl.String},
            orient="row",
        ),
        "habilidades_cargos": pl.DataFrame(
            [(i, *row) for i, row in enumerate(roles, start=1)],
            schema={"idHabilidadeCargo": pl.Int64, "descNomeCargo": pl.String, "descNivelCargo": pl.String,
                    "descNomeHabilidade": pl.String, "descNivelHabilidade": pl.String},
            orient="row",
        ),
    }  # fmt: skip

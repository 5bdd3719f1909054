//! Where a container's lines go: nowhere, or to one stream of one log group.
//!
//! Decided from what Docker says of the container (name, image, labels) and from what the operator
//! wrote. It does not know TOML, Docker's API or CloudWatch's; of the last only the rule for names,
//! so that a stream made here is always one that `CreateLogStream` accepts.

use std::fmt;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::{Container, Destination};

/// The label by which a container says that its lines are nobody's business: `starttech.logs=false`.
pub const OPT_OUT_LABEL: &str = "starttech.logs";

/// The same for being measured: `starttech.metrics=false`.
pub const METRICS_OPT_OUT_LABEL: &str = "starttech.metrics";

/// Longest name of a stream, in characters.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>
pub const STREAM_LENGTH: usize = 512;

/// What no stream's name may hold (same page).
pub const STREAM_FORBIDDEN: [char; 2] = [':', '*'];

/// How much of the 64 digits of an id tells containers apart: as much as `docker ps` shows.
const SHORT_ID: usize = 12;

/// Which containers are shipped, and where to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these; everything if there is none.
    pub include: Globs,
    /// But not these.
    pub exclude: Globs,
    /// The first that matches names the group.
    pub routes: Vec<Route>,
    /// The group of all others.
    pub group: String,
    /// The stream's name inside the group.
    pub stream: Template,
}

/// Containers that have a log group of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Which ones.
    pub containers: Globs,
    /// Their log group.
    pub group: String,
}

impl Selection {
    /// The container's destination, or `None` if its lines stay here.
    pub fn choose(&self, container: &Container, instance_id: &str) -> Option<Destination> {
        if !is_wanted(container, &self.include, &self.exclude, OPT_OUT_LABEL) {
            return None;
        }
        let route = self.routes.iter().find(|route| route.containers.matches(container));
        Some(Destination {
            group: route.map_or(&self.group, |route| &route.group).clone(),
            stream: self.stream.fill(container, instance_id),
        })
    }

    /// Every group that lines may go to, each once.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups = vec![self.group.as_str()];
        for route in &self.routes {
            if !groups.contains(&route.group.as_str()) {
                groups.push(&route.group);
            }
        }
        groups
    }
}

/// Whether a container is included, not excluded, and does not say `label=false` of itself.
pub fn is_wanted(container: &Container, include: &Globs, exclude: &Globs, label: &str) -> bool {
    let opted_out =
        container.labels.get(label).is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
    !opted_out && (include.is_empty() || include.matches(container)) && !exclude.matches(container)
}

/// Patterns over containers. One with a `=` is held against each label as `label=value`, any other
/// against the name and the image: a label that merely mentions a frontend makes nothing a frontend.
#[derive(Clone, Default)]
pub struct Globs {
    names: GlobSet,
    labels: GlobSet,
    written: Vec<String>,
}

impl Globs {
    /// From patterns made by [`glob`]. Fails only if all of them together are too large.
    pub fn new(globs: Vec<Glob>) -> Result<Self, globset::Error> {
        let written = globs.iter().map(|glob| glob.glob().to_owned()).collect();
        let mut names = GlobSetBuilder::new();
        let mut labels = GlobSetBuilder::new();
        for glob in globs {
            if glob.glob().contains('=') {
                labels.add(glob);
            } else {
                names.add(glob);
            }
        }
        Ok(Self { names: names.build()?, labels: labels.build()?, written })
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether one of the patterns fits the container.
    pub fn matches(&self, container: &Container) -> bool {
        self.names.is_match(&container.name)
            || self.names.is_match(&container.image)
            || (!self.labels.is_empty()
                && container
                    .labels
                    .iter()
                    .any(|(label, value)| self.labels.is_match(format!("{label}={value}"))))
    }
}

/// One pattern. `*` also crosses the `/` of an image's name.
pub fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(false).build()
}

impl fmt::Debug for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Globs {}

/// How a stream's name is made: text with placeholders, such as `{instance_id}/{container_name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    InstanceId,
    ContainerName,
    ContainerId,
    Image,
}

const PLACEHOLDERS: [(&str, Piece); 4] = [
    ("instance_id", Piece::InstanceId),
    ("container_name", Piece::ContainerName),
    ("container_id", Piece::ContainerId),
    ("image", Piece::Image),
];

/// Why a template cannot name streams.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing between the quotes.
    #[error("it is empty")]
    Empty,
    /// A `{` without its `}`, or the other way round.
    #[error("a brace without its counterpart")]
    Unbalanced,
    /// A placeholder of another name.
    #[error("{{{0}}} is not a placeholder")]
    Unknown(String),
    /// A character that CloudWatch refuses.
    #[error("CloudWatch allows no {0:?} in the name of a stream")]
    Forbidden(char),
    /// The fixed text alone is longer than a name may be.
    #[error("its fixed text alone is longer than {STREAM_LENGTH} characters")]
    TooLong,
}

impl Template {
    /// The placeholders as they are written, for messages.
    pub fn placeholders() -> String {
        PLACEHOLDERS.map(|(name, _)| format!("{{{name}}}")).join(", ")
    }

    /// Reads a template.
    pub fn parse(written: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut fixed = 0;
        let mut rest = written;
        while !rest.is_empty() {
            let (text, after) =
                rest.split_once('{').map_or((rest, None), |(text, after)| (text, Some(after)));
            if text.contains('}') {
                return Err(TemplateError::Unbalanced);
            }
            if let Some(forbidden) = text.chars().find(|&c| is_forbidden(c)) {
                return Err(TemplateError::Forbidden(forbidden));
            }
            if !text.is_empty() {
                fixed += text.len();
                pieces.push(Piece::Text(text.to_owned()));
            }
            let Some(after) = after else { break };
            let Some((name, after)) = after.split_once('}') else { return Err(TemplateError::Unbalanced) };
            match PLACEHOLDERS.into_iter().find(|(known, _)| *known == name) {
                Some((_, piece)) => pieces.push(piece),
                None => return Err(TemplateError::Unknown(name.to_owned())),
            }
            rest = after;
        }
        match (pieces.is_empty(), fixed > STREAM_LENGTH) {
            (true, _) => Err(TemplateError::Empty),
            (_, true) => Err(TemplateError::TooLong),
            _ => Ok(Self(pieces)),
        }
    }

    fn fill(&self, container: &Container, instance_id: &str) -> String {
        let short_id = container.id.get(..SHORT_ID).unwrap_or(&container.id);
        let mut name = String::new();
        for piece in &self.0 {
            let value = match piece {
                Piece::Text(text) => text,
                Piece::InstanceId => instance_id,
                Piece::ContainerName => &container.name,
                Piece::ContainerId => short_id,
                Piece::Image => &container.image,
            };
            name.extend(value.chars().map(|c| if is_forbidden(c) { '-' } else { c }));
        }
        name.truncate(name.floor_char_boundary(STREAM_LENGTH));
        // A value may be empty, a name may not.
        if name.is_empty() { short_id.to_owned() } else { name }
    }
}

fn is_forbidden(c: char) -> bool {
    STREAM_FORBIDDEN.contains(&c) || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(patterns: &[&str]) -> Globs {
        Globs::new(patterns.iter().map(|pattern| glob(pattern).unwrap()).collect()).unwrap()
    }

    fn container(name: &str, image: &str, labels: &[(&str, &str)]) -> Container {
        Container {
            id: "0123456789abcdef".repeat(4),
            name: name.into(),
            image: image.into(),
            labels: labels.iter().map(|&(label, value)| (label.into(), value.into())).collect(),
        }
    }

    fn platform() -> Selection {
        Selection {
            routes: vec![Route { containers: globs(&["*frontend*"]), group: "/starttech/frontend".into() }],
            group: "/starttech/backend".into(),
            stream: Template::parse("{instance_id}/{container_name}/{container_id}").unwrap(),
            ..Selection::default()
        }
    }

    #[test]
    fn every_container_has_a_group_unless_it_opted_out() {
        let ecr = "1234.dkr.ecr.eu-west-1.amazonaws.com/starttech-frontend:2";
        for (name, image, labels, group) in [
            ("starttech-backend", "starttech-backend:1.4", &[][..], Some("/starttech/backend")),
            ("web", ecr, &[], Some("/starttech/frontend")),
            ("my-frontend-1", "nginx", &[], Some("/starttech/frontend")),
            ("api", "api", &[("depends_on", "frontend")], Some("/starttech/backend")),
            ("api", "api", &[("starttech.logs", "false")], None),
            ("api", "api", &[("starttech.logs", "False ")], None),
            ("api", "api", &[("starttech.logs", "true")], Some("/starttech/backend")),
        ] {
            let chosen = platform().choose(&container(name, image, labels), "i-1").map(|to| to.group);
            assert_eq!(chosen.as_deref(), group, "{name} {image} {labels:?}");
        }
    }

    #[test]
    fn include_then_exclude_over_name_image_and_label() {
        let tier = &[("tier", "web")][..];
        for (include, exclude, name, image, labels, shipped) in [
            (&[][..], &[][..], "a", "b", &[][..], true),
            (&["a"], &[], "a", "x", &[], true),
            (&["a"], &[], "b", "x", &[], false),
            (&["redis:*"], &[], "b", "redis:7", &[], true),
            (&["tier=web"], &[], "b", "x", tier, true),
            (&["tier=w?b"], &[], "b", "x", tier, true),
            (&["tier=db"], &[], "b", "x", tier, false),
            (&["web"], &[], "b", "x", tier, false),
            (&[], &["tier=*"], "b", "x", tier, false),
            (&["a*"], &["*-debug"], "a-debug", "x", &[], false),
            (&["{a,b}"], &[], "b", "x", &[], true),
        ] {
            let selection = Selection { include: globs(include), exclude: globs(exclude), ..platform() };
            let chosen = selection.choose(&container(name, image, labels), "i-1");
            assert_eq!(chosen.is_some(), shipped, "{include:?} {exclude:?} {name} {image} {labels:?}");
        }
    }

    #[test]
    fn the_first_route_that_matches_wins() {
        let mut selection = platform();
        selection.routes.push(Route { containers: globs(&["*"]), group: "/rest".into() });
        let group = |name: &str| selection.choose(&container(name, "x", &[]), "i-1").unwrap().group;
        assert_eq!(group("frontend"), "/starttech/frontend");
        assert_eq!(group("redis"), "/rest");
        assert_eq!(selection.groups(), ["/starttech/backend", "/starttech/frontend", "/rest"]);
    }

    #[test]
    fn a_stream_is_named_by_the_template() {
        let api = container("api", "repo:5000/api:1.4*", &[]);
        for (template, stream) in [
            ("{instance_id}/{container_name}/{container_id}", "i-0abc/api/0123456789ab"),
            ("{image}", "repo-5000/api-1.4-"),
            ("prod {container_name}", "prod api"),
            ("fixed", "fixed"),
        ] {
            assert_eq!(Template::parse(template).unwrap().fill(&api, "i-0abc"), stream);
        }
    }

    #[test]
    fn a_stream_is_never_empty_too_long_or_cut_inside_a_character() {
        let template = Template::parse("{instance_id}/{container_name}").unwrap();
        let long = template.fill(&container(&"é".repeat(400), "x", &[]), "i-1");
        assert!(long.len() <= STREAM_LENGTH && long.len() > STREAM_LENGTH - 4, "{}", long.len());
        assert_eq!(Template::parse("{image}").unwrap().fill(&container("a", "", &[]), ""), "0123456789ab");
        let odd = Container { id: "short".into(), ..container("a", "b", &[]) };
        assert_eq!(Template::parse("{container_id}").unwrap().fill(&odd, ""), "short");
    }

    #[test]
    fn a_bad_template_says_why() {
        for (template, why) in [
            ("", TemplateError::Empty),
            ("{container", TemplateError::Unbalanced),
            ("container}", TemplateError::Unbalanced),
            ("a:{image}", TemplateError::Forbidden(':')),
            ("*", TemplateError::Forbidden('*')),
            ("{host}", TemplateError::Unknown("host".into())),
            ("{}", TemplateError::Unknown(String::new())),
        ] {
            assert_eq!(Template::parse(template), Err(why), "{template}");
        }
        assert_eq!(Template::parse(&"x".repeat(513)), Err(TemplateError::TooLong));
    }
}

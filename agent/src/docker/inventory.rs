//! What there is on a host, for people: containers, and how each is, or images where there is none.

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptions};

use super::{DockerError, Engine};
use crate::logs::Container;

/// What there is on a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// All containers.
    pub containers: Vec<Listed>,
    /// Names of images, where there is no container.
    pub images: Vec<String>,
}

/// A container as it stands in the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// Which.
    pub container: Container,
    /// How it is.
    pub words: String,
    /// It runs.
    pub is_running: bool,
}

impl Engine {
    /// What there is on this host, for people.
    pub async fn inventory(&self) -> Result<Inventory, DockerError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let listed = self.0.list_containers(Some(options)).await;
        let listed =
            listed.map_err(|source| DockerError { act: "list the containers".to_owned(), source })?;
        let containers: Vec<_> = listed.into_iter().map(described).collect();
        let images = if containers.is_empty() {
            let images = self.0.list_images(None::<ListImagesOptions>).await;
            images.map_err(|source| DockerError { act: "list the images".to_owned(), source })?
        } else {
            Vec::new()
        };
        let names = images.into_iter().flat_map(|image| image.repo_tags);
        Ok(Inventory { containers, images: names.filter(|name| !name.starts_with("<none>")).collect() })
    }
}

/// `starttech-backend: Exited (1) 3 minutes ago, of starttech-backend:1.4`
fn described(listed: ContainerSummary) -> Listed {
    let name = listed.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    let container = Container {
        id: listed.id.unwrap_or_default(),
        name: name.trim_start_matches('/').to_owned(),
        image: listed.image.unwrap_or_default(),
        labels: listed.labels.unwrap_or_default().into_iter().collect(),
    };
    let words = format!("{}: {}, of {}", container.name, listed.status.unwrap_or_default(), container.image);
    let is_running = listed.state == Some(ContainerSummaryStateEnum::RUNNING);
    Listed { container, words, is_running }
}
